#!/usr/bin/env python3
"""Prints the canonical lines of a log, written from Format.md alone.

usage: read_log.py DIR [--root]

Shares nothing with the project's code: py-lmdb and zstandard from PyPI, and the standard library.
With --root it prints the size and the RFC 6962 root over all leaves instead, after verifying tiles,
index runs, head record and head file.
"""
import base64
import hashlib
import json
import struct
import sys
import zlib
from collections import defaultdict
from datetime import datetime, timedelta, timezone

import lmdb
import zstandard

UNIT = 256


class Bytes:
    """Reads the number formats of Format.md."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, count):
        piece = self.data[self.at:self.at + count]
        assert len(piece) == count, "bytes end too early"
        self.at += count
        return piece

    def fixed(self, code):
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self):
        value = self.varint()
        return -(value >> 1) - 1 if value & 1 else value >> 1

    def text(self):
        return self.take(self.varint()).decode()

    def uuid(self):
        h = self.take(16).hex()
        return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))

    def column(self, read):
        values = [read() for _ in range(self.varint())]
        return [values[self.varint()] for _ in range(UNIT)], values


def sealed(value, newest=1):
    assert 1 <= value[0] <= newest, "unknown version"
    assert zlib.crc32(value[:-4]) == struct.unpack("<I", value[-4:])[0], "checksum"
    return Bytes(value[:-4], 1)


# Python's calendar begins with the year 1, ours with the year 0: 400 years have 146,097 days.
ERA = 146_097 * 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def instant(us):
    seconds, fraction = divmod(us, 1_000_000)
    shift = 400 if seconds < 0 else 0
    moment = EPOCH + timedelta(seconds=seconds + (ERA if shift else 0))
    rest = moment.strftime("-%m-%dT%H:%M:%S") + (f".{fraction:06}" if fraction else "") + "Z"
    return f"{moment.year - shift:04}" + rest


def quote(text):
    return json.dumps(text, ensure_ascii=False)


def line_of(e):
    out = '{"specversion":"1.0","id":"%s","source":%s,"type":%s,"subject":%s' % (
        e["id"], quote(e["source"]), quote(e["type"]), quote(e["stream"]))
    if e["time"] is not None:
        out += ',"time":"%s"' % instant(e["time"])
    if e["schema"]:
        out += ',"schema":%d' % e["schema"]
    if e["tags"]:
        out += ',"tags":' + quote(e["tags"])
    if e["cause"]:
        out += ',"causationid":"%s"' % e["cause"]
    if e["correlation"]:
        out += ',"correlationid":"%s"' % e["correlation"]
    out += e["attributes"] + ',"position":"%d","revision":"%d","recorded":"%s"' % (
        e["position"], e["revision"], instant(e["recorded"]))
    form, data = e["data"]
    digest = data.hex() if form == "removed" else hashlib.sha256(data).hexdigest()
    line = out.encode() + b',"datahash":"%s"' % digest.encode()
    if form == "removed":
        return line + b',"data":null}'
    if form == "json":
        return line + b',"data":' + data + b"}"
    return line + b',"data_base64":"' + base64.b64encode(data) + b'"}'


def payload(value):
    r = sealed(value)
    encoding, length = r.fixed("B"), r.fixed("I")
    data = r.data[r.at:]
    if encoding == 1:
        data = zstandard.ZstdDecompressor().decompress(data, max_output_size=length)
    assert len(data) == length
    return data


def subframe_events(ids, body, first, payloads):
    r, names = Bytes(body), Bytes(ids)
    kind_reader = lambda: (r.text(), r.varint())
    kinds, kind_values = r.column(kind_reader)
    streams, stream_values = r.column(lambda: [r.text(), r.varint()])
    sources, _ = r.column(r.text)
    tags, _ = r.column(r.text)
    attributes, _ = r.column(r.text)
    optional = lambda: r.uuid() if r.fixed("B") else None
    causes, _ = r.column(optional)
    correlations, _ = r.column(optional)
    flags = r.take(UNIT)
    recorded = [r.signed()]
    for _ in range(UNIT - 1):
        recorded.append(recorded[-1] + r.varint())
    unit, times, time = r.varint(), [], 0
    for flag in flags:
        if flag & 16:
            time += r.signed() * unit
        times.append(time if flag & 16 else None)
    order = sorted(range(UNIT), key=lambda i: (kind_values.index(kinds[i]), i))
    lengths, data = {}, {}
    for i in order:
        lengths[i] = r.varint()
    for i in order:
        if flags[i] & 4:
            data[i] = ("removed", r.take(32))
        elif flags[i] & 8:
            data[i] = ("json" if flags[i] & 3 == 0 else "bytes", payload(payloads(first + i)))
        else:
            data[i] = ("json" if flags[i] & 3 == 0 else "bytes", r.take(lengths[i]))
    assert r.at == len(body), "something follows the columns"
    for i in range(UNIT):
        revision = streams[i][1]
        streams[i][1] += 1
        yield {
            "position": first + i, "revision": revision, "recorded": recorded[i], "id": names.uuid(),
            "type": kinds[i][0], "schema": kinds[i][1], "stream": streams[i][0], "tags": tags[i],
            "source": sources[i], "time": times[i], "cause": causes[i],
            "correlation": correlations[i], "attributes": attributes[i], "data": data[i]}


def block_events(value, key, payloads):
    r = Bytes(value)
    assert r.fixed("B") == 1
    count, first = r.fixed("B"), r.fixed("Q")
    assert first == key
    entries = [(r.fixed("B"), r.fixed("I"), r.fixed("I"), r.fixed("I")) for _ in range(count)]
    end = r.at
    assert r.fixed("I") == zlib.crc32(value[:end])
    prefix = None
    for index, (encoding, stored, size, checksum) in enumerate(entries):
        piece = r.take(stored)
        assert zlib.crc32(piece) == checksum
        dictionary = zstandard.ZstdCompressionDict(
            prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if encoding == 1 else None
        body = zstandard.ZstdDecompressor(dict_data=dictionary).decompress(
            piece[16 * UNIT:], max_output_size=size)
        prefix = prefix or body
        yield from subframe_events(piece[:16 * UNIT], body, first + index * UNIT, payloads)
    assert r.at == len(value)


def tail_lines(value):
    r = sealed(value, 2)
    count = r.fixed("I")
    if value[0] == 2:
        size = r.fixed("I")
        r = Bytes(zstandard.ZstdDecompressor().decompress(r.data[r.at:], max_output_size=size))
        assert len(r.data) == size
    for _ in range(count):
        yield r.take(r.fixed("I"))
    assert r.at == len(r.data)


def lines(txn, dbs):
    payloads = lambda position: txn.get(struct.pack(">Q", position), db=dbs["payloads"])
    expected = 0
    for key, value in txn.cursor(db=dbs["blocks"]):
        first = struct.unpack(">Q", key)[0]
        assert first == expected, "the blocks have a gap"
        for event in block_events(value, first, payloads):
            expected += 1
            yield line_of(event)
    for key, value in txn.cursor(db=dbs["tail"]):
        assert struct.unpack(">Q", key)[0] == expected, "the tail has a gap"
        for line in tail_lines(value):
            expected += 1
            yield line


def leaf_of(line):
    start = line.index(b'"datahash":"')
    return line[:start + 77] + b"}"


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Peaks:
    """RFC 6962 root of a growing list, and the root at one earlier size."""

    def __init__(self):
        self.stack, self.size = [], 0

    def add(self, leaf):
        h = hashlib.sha256(b"\x00" + leaf).digest()
        self.size += 1
        n = self.size
        while n % 2 == 0:
            h, n = node(self.stack.pop(), h), n // 2
        self.stack.append(h)

    def root(self):
        h = self.stack[-1]
        for left in reversed(self.stack[:-1]):
            h = node(left, h)
        return h


def mix(x):
    mask = (1 << 64) - 1
    x = ((x ^ x >> 33) * 0xFF51AFD7ED558CCD) & mask
    x = ((x ^ x >> 33) * 0xC4CEB9FE1A85EC53) & mask
    return x ^ x >> 33


def fnv(text, change=0):
    h = 0xCBF29CE484222325 ^ change
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & ((1 << 64) - 1)
    return h


def terms(event):
    raw = int(event["id"].replace("-", ""), 16)
    yield 1, mix(mix(raw >> 64) ^ (raw & (1 << 64) - 1)) >> 32, 12
    yield 2, mix(fnv(event["subject"])) >> 32, 8
    yield 3, mix(fnv(event["type"], 1)) >> 32, 8
    for tag in event.get("tags", "").split():
        yield 3, mix(fnv(tag)) >> 32, 8


def page_postings(value, key_hash, first, chain):
    r = sealed(value, 2)
    # Pages of version 1 have 8 bits of the hash more, which nobody looks at.
    surplus = 8 if value[0] == 1 else 0
    key_hash >>= 8 - surplus
    shift, low_bits, unit_bits = r.fixed("B"), r.fixed("B"), r.fixed("B")
    count, upper_bytes = r.fixed("H"), r.fixed("H")
    number, following = r.fixed("I"), (r.fixed("Q"), r.fixed("Q"))
    low = int.from_bytes(r.take((count * low_bits + 7) // 8), "little")
    upper = int.from_bytes(r.take(upper_bytes), "little")
    units = int.from_bytes(r.take((count * unit_bits + 7) // 8), "little")
    assert r.at == len(r.data)
    assert number == chain["number"], "a page of a run is missing"
    chain["number"] = 0 if following[0] == (1 << 64) - 1 else number + 1
    bucket = bit = 0
    for i in range(count):
        while not upper >> bit & 1:
            bucket, bit = bucket + 1, bit + 1
        bit += 1
        low_part = low >> i * low_bits & (1 << low_bits) - 1
        unit = units >> i * unit_bits & (1 << unit_bits) - 1
        yield (key_hash + (bucket << low_bits) + low_part) >> surplus, unit + (first >> shift)


def stored_index(txn, dbs):
    postings, bounds, ends, chain = defaultdict(set), {}, defaultdict(int), {"number": 0}
    for key, value in txn.cursor(db=dbs["runs"]):
        kind, first, end = struct.unpack(">BQQ", key[:17])
        key_hash, unit = int.from_bytes(key[17:22], "big"), int.from_bytes(key[22:27], "big")
        assert first == ends[kind, "first"] or first == ends[kind, "end"], "the runs have a gap"
        ends[kind, "first"], ends[kind, "end"] = first, end
        if kind == 4:
            r = sealed(value)
            assert r.fixed("B") == 8
            count, low, recorded = r.fixed("H"), 0, 0
            for i in range(count):
                low += r.signed()
                high = low + r.varint()
                recorded += r.signed()
                bounds[unit + i] = (low, high, recorded, recorded + r.varint())
        else:
            for posting in page_postings(value, key_hash, first, chain):
                assert value[0] == 1 or posting not in postings[kind]
                postings[kind].add(posting)
    assert len({ends[kind, "end"] for kind in (1, 2, 3, 4)}) == 1, "the runs end apart"
    return postings, bounds, ends[1, "end"]


def microseconds(text):
    whole, _, fraction = text[:-1].partition(".")
    shift = 400 if whole < "1970" else 0
    whole = f"{int(whole[:4]) + shift:04}" + whole[4:]
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    whole_us = (moment - EPOCH) // timedelta(microseconds=1) - (ERA * 1_000_000 if shift else 0)
    return whole_us + int(fraction or 0)


def verified_root(path, txn, dbs):
    head = txn.get(b"head", db=dbs["meta"])
    r = sealed(head, 2)
    size, root, sealed_size = r.fixed("Q"), r.take(32), r.fixed("Q")
    r.take(3 * 8 + 16)
    indexed_size = sealed_size if head[0] == 1 else r.fixed("Q")
    assert r.at == len(r.data) and indexed_size <= sealed_size < indexed_size + 4096
    slots = []
    with open(path + "/head", "rb") as file:
        for _ in range(2):
            slot = file.read(2048)
            if hashlib.sha256(slot[:2016]).digest() == slot[2016:] and slot[:8] == b"ascolto1":
                slots.append(struct.unpack("<QQ32s", slot[8:56]))
    _, slot_size, slot_root = max(slots)
    peaks, leaves, seen = Peaks(), [], False
    postings, bounds = defaultdict(set), {}
    for line in lines(txn, dbs):
        peaks.add(leaf_of(line))
        seen = seen or (peaks.size == slot_size and peaks.root() == slot_root)
        position = peaks.size - 1
        if position < sealed_size:
            leaves.append(hashlib.sha256(b"\x00" + leaf_of(line)).digest())
        if position < indexed_size:
            event = json.loads(line)
            assert event["position"] == str(position)
            for kind, term, shift in terms(event):
                postings[kind].add((term, position >> shift))
            recorded = microseconds(event["recorded"])
            time = microseconds(event["time"]) if "time" in event else recorded
            low, high, first, last = bounds.get(position >> 8, (time, time, recorded, recorded))
            bounds[position >> 8] = (min(low, time), max(high, time), first, recorded)
    assert (peaks.size, peaks.root()) == (size, root), "the head record does not fit the lines"
    assert seen, "the head file does not fit the lines"
    stored = (postings, bounds, indexed_size)
    assert stored == stored_index(txn, dbs), "the runs do not fit the lines"
    level, hashes = 0, leaves
    tiles = {k: v for k, v in txn.cursor(db=dbs["tiles"])}
    while True:
        level += 1
        hashes = [perfect(hashes[i:i + UNIT]) for i in range(0, len(hashes) // UNIT * UNIT, UNIT)]
        if not hashes:
            break
        for i in range(0, len(hashes), UNIT):
            tile = sealed(tiles.pop(struct.pack(">BQ", level, i // UNIT)))
            assert tile.take(len(hashes[i:i + UNIT]) * 32) == b"".join(hashes[i:i + UNIT])
            assert tile.at == len(tile.data)
    assert not tiles, "there are tiles of no leaves"
    return size, root


def perfect(hashes):
    while len(hashes) > 1:
        hashes = [node(a, b) for a, b in zip(hashes[::2], hashes[1::2])]
    return hashes[0]


def main():
    path = sys.argv[1]
    env = lmdb.open(path, readonly=True, max_dbs=6, lock=True)
    names = ("meta", "tail", "blocks", "payloads", "runs", "tiles")
    dbs = {name: env.open_db(name.encode(), create=False) for name in names}
    with env.begin() as txn:
        if "--root" in sys.argv[2:]:
            size, root = verified_root(path, txn, dbs)
            print(size, root.hex())
        else:
            for line in lines(txn, dbs):
                sys.stdout.buffer.write(line + b"\n")


if __name__ == "__main__":
    main()
