"""A timestamping authority that OpenSSL plays, behind HTTP, with certificates of its own."""
import datetime
import http.server
import os
import subprocess
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

STAMPING = ExtendedKeyUsageOID.TIME_STAMPING
NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
CONFIGURATION = """[tsa]
default_tsa = one
[one]
serial = {serial}
crypto_device = builtin
signer_cert = {name}.pem
signer_key = {name}.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
clock_precision_digits = 6
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class Workshop:
    """Makes certificates and answers in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def place(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.place(name), "wb") as file:
            file.write(content)
        return self.place(name)

    def certificate(self, name, issuer=None, since=NOW - DAY, until=NOW + 3650 * DAY,
                    purpose=None):
        """A key and its certificate in files, signed by an issuer or by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer, signer_name = issuer or (key, subject)
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(signer_name)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(since).not_valid_after(until)
            .add_extension(x509.BasicConstraints(issuer is None, None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                signer.public_key()), False))
        if issuer:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), True)
        made = builder.sign(signer, hashes.SHA256())
        self.write(f"{name}.pem", made.public_bytes(serialization.Encoding.PEM))
        self.write(f"{name}.key", key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        return key, subject

    def stamp(self, query, by="authority"):
        """What OpenSSL answers in the name of an authority."""
        asked = self.write("query.tsq", query)
        self.write("tsa.cnf", CONFIGURATION.format(
            serial=self.place("serial"), name=self.place(by)).encode())
        done = subprocess.run(
            ["openssl", "ts", "-reply", "-config", self.place("tsa.cnf"), "-queryfile", asked,
             "-out", self.place("answer.tsr")], capture_output=True)
        if done.returncode:
            raise SystemExit(f"openssl ts -reply: {done.stderr.decode()}")
        with open(self.place("answer.tsr"), "rb") as file:
            return file.read()


class Authority:
    """Answers over HTTP as the test wants it to."""

    def __init__(self, answer):
        self.answer, self.queries = answer, []
        self.status, self.content_type, self.delay = 200, "application/timestamp-reply", 0
        self.drip = False
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                query = self.rfile.read(int(self.headers["Content-Length"]))
                authority.queries.append((self.headers["Content-Type"], query))
                time.sleep(authority.delay)
                answer = authority.answer(query)
                self.send_response(authority.status)
                self.send_header("Content-Type", authority.content_type)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                for byte in answer if authority.drip else ():
                    try:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                    except OSError:
                        return
                    time.sleep(0.5)
                if not authority.drip:
                    self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/tsa"

    def end(self):
        self.server.shutdown()
