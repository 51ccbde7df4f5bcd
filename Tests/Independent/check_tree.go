// check_tree verifies what a log has given out with Go's checksum-database packages, which share
// nothing with our code.
//
// usage: check_tree tiles DIR VKEY [OLD-CHECKPOINT...]
//
//	check_tree receipt FILE VKEY
//
// It says what it has verified and exits with 0, or says what is wrong and exits with 1.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// folder reads tiles where C2SP tlog-tiles puts them: without the height of tiles in their paths.
type folder struct {
	dir  string
	read map[string]bool
}

func (f folder) path(t tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(t.Path(), "tile/8/")
}

func (f folder) file(path string) ([]byte, error) {
	f.read[path] = true
	return os.ReadFile(filepath.Join(f.dir, path))
}

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		data, err := f.file(f.path(t))
		if err != nil {
			return nil, err
		}
		if len(data) != t.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", f.path(t), len(data))
		}
		all = append(all, data)
	}
	return all, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

// decode reads Base64 that has but one spelling: Go's decoder lets spare bits and line ends pass.
func decode(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err == nil && base64.StdEncoding.EncodeToString(data) != text {
		err = fmt.Errorf("%q is not how its bytes are written in Base64", text)
	}
	return data, err
}

func decodeHash(text string) (hash tlog.Hash, err error) {
	data, err := decode(text)
	if err == nil && len(data) != len(hash) {
		err = fmt.Errorf("%q is not a hash", text)
	}
	copy(hash[:], data)
	return hash, err
}

// open returns the tree that a checkpoint signs.
func open(text []byte, key string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tlog.Tree{}, err
	}
	n, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	for _, signature := range n.Sigs {
		if _, err := decode(signature.Base64); err != nil {
			return tlog.Tree{}, err
		}
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := decodeHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func checkTiles(dir, key string, old []string) error {
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := open(text, key)
	if err != nil {
		return err
	}
	f := folder{dir, map[string]bool{"checkpoint": true}}
	hashes := tlog.TileHashReader(tree, f)
	root, err := tlog.TreeHash(tree.N, hashes)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return errors.New("the tiles have another root")
	}
	if err := checkEntries(f, tree, hashes); err != nil {
		return err
	}
	for _, path := range old {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		earlier, err := open(text, key)
		if err != nil {
			return fmt.Errorf("%s: %v", path, err)
		}
		if earlier.N > tree.N {
			return fmt.Errorf("%s: the log was longer: %d > %d", path, earlier.N, tree.N)
		}
		proof, err := tlog.ProveTree(tree.N, earlier.N, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, earlier.N, earlier.Hash); err != nil {
			return fmt.Errorf("%s: %v", path, err)
		}
	}
	unread := 0
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err == nil && !entry.IsDir() && !f.read[name] {
			unread++
		}
		return err
	})
	fmt.Printf("%d entries, %d old checkpoints, %d files unread\n", tree.N, len(old), unread)
	return err
}

// checkEntries verifies every entry against the tree, and a proof of every thousandth.
func checkEntries(f folder, tree tlog.Tree, hashes tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += 256 {
		width := tree.N - first
		if width > 256 {
			width = 256
		}
		path := f.path(tlog.Tile{H: 8, L: 0, N: first / 256, W: int(width)})
		bundle, err := f.file(strings.Replace(path, "tile/0/", "tile/entries/", 1))
		if err != nil {
			return err
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		// The reader verifies each tile against the tree before it uses it.
		leaves, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, leaf := range leaves {
			if len(bundle) < 2 {
				return fmt.Errorf("the bundle of %d is too short", first)
			}
			length := int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < 2+length {
				return fmt.Errorf("the bundle of %d is too short", first)
			}
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			if tlog.RecordHash(entry) != leaf {
				return fmt.Errorf("entry %d is not in the tree", first+int64(i))
			}
			if index := first + int64(i); index%1000 == 0 {
				proof, err := tlog.ProveRecord(tree.N, index, hashes)
				if err != nil {
					return err
				}
				err = tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf)
				if err != nil {
					return err
				}
			}
		}
		if len(bundle) != 0 {
			return fmt.Errorf("the bundle of %d is too long", first)
		}
	}
	return nil
}

// checkReceipt verifies a receipt (C2SP tlog-proof) whose extra data are the entry.
func checkReceipt(path, key string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	parts := bytes.SplitN(text, []byte("\n\n"), 2)
	if len(parts) != 2 {
		return errors.New("no checkpoint")
	}
	lines := strings.Split(string(parts[0]), "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a receipt")
	}
	if !strings.HasPrefix(lines[1], "extra ") || !strings.HasPrefix(lines[2], "index ") {
		return errors.New("no extra, or no index")
	}
	entry, err := decode(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := decodeHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	tree, err := open(parts[1], key)
	if err != nil {
		return err
	}
	err = tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry))
	if err == nil {
		fmt.Printf("index %d of %d\n", index, tree.N)
	}
	return err
}

func main() {
	err := errors.New("usage: check_tree tiles DIR VKEY [OLD...] | receipt FILE VKEY")
	if len(os.Args) >= 4 {
		switch os.Args[1] {
		case "tiles":
			err = checkTiles(os.Args[2], os.Args[3], os.Args[4:])
		case "receipt":
			err = checkReceipt(os.Args[2], os.Args[3])
		}
	}
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}
