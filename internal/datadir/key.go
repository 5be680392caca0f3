package datadir

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// KeySize is the deployment key's size in bytes.
const KeySize = 32

// Key is the deployment key: 32 random bytes, in the file as 64 hexadecimal
// digits. A path of "" is KeyFile. A key that is missing is generated, once, as
// long as the directory holds no data: with a new key, secrets that were
// redacted before would no longer compare with later ones, and dead letters
// could not be read. Call it before the stream and the catalogue are created.
func (d *Dir) Key(path string) ([]byte, error) {
	if path == "" {
		path = d.KeyFile()
	}
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	for _, part := range []string{d.Stream(), d.Catalogue()} {
		if _, statErr := os.Stat(part); statErr == nil {
			return nil, pipeline.WithHint(fmt.Errorf("deployment key %s is missing, but %s holds data redacted under it", path, d.path),
				"restore the key file; if it is lost for good, write a new one: openssl rand -hex 32")
		}
	}
	return createKey(path)
}

func readKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read deployment key: %w", withAccessHint(err))
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != KeySize {
		return nil, pipeline.WithHint(fmt.Errorf("deployment key %s is not %d hexadecimal digits", path, 2*KeySize),
			"restore the file that was there, or, for a new deployment, write one: openssl rand -hex 32")
	}
	return key, nil
}

func createKey(path string) ([]byte, error) {
	key := make([]byte, KeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("generate deployment key: %w", err)
	}
	if err := writeDurably(path, []byte(hex.EncodeToString(key)+"\n")); err != nil {
		return nil, fmt.Errorf("write deployment key: %w", withAccessHint(err))
	}
	// Another process may have written a key file that both use; its key counts.
	return readKey(path)
}

// writeDurably creates a file (mode 0600) that is there whole or not at all,
// also after a power cut. A file that is there already stays as it is.
func writeDurably(path string, data []byte) error {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, ".tmp-*") // its mode is 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // a file that stays behind does no harm
	_, err = temp.Write(data)
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	// A link fails where a rename would replace what another process wrote.
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
