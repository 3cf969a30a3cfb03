package gateway

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The directions that imports may take. A package may import the standard
// library and other modules freely but for what is forbidden; of our own only
// what is listed ("*" is everything).
var directions = map[string][]string{
	"cmd/":              {"*"},
	"crypto/openpgp":    {},
	"gateway/form":      {},
	"gateway/entity":    {},
	"gateway":           {"gateway/form", "gateway/entity", "gateway/operation", "crypto/openpgp"},
	"crypto/keyring":    {"gateway", "gateway/form", "gateway/entity", "gateway/operation", "crypto/openpgp"},
	"gateway/simulator": {"gateway", "gateway/form", "gateway/entity", "gateway/operation", "crypto/openpgp"},
	"gateway/commtest":  {"gateway", "gateway/form", "gateway/entity", "gateway/operation", "crypto/openpgp"},
	"gateway/torment":   {}, // it judges, and must not know whom
	"gateway/store":     {"gateway", "gateway/form", "gateway/entity", "gateway/operation", "crypto/openpgp", "gateway/store"},
	"adapters/":         {"gateway", "gateway/form", "gateway/entity", "gateway/operation", "crypto/openpgp", "adapters"},
	"configs":           {"gateway", "gateway/operation"},
	"gateway/operation": {"gateway/form"},
}

// The core never reaches the world by itself.
var forbidden = []string{"net", "net/http", "database/sql", "os"}

func TestImportsKeepTheirDirection(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(path, "../")))
		for _, i := range file.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			checkImport(t, path, folder, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkImport(t *testing.T, path, folder, name string) {
	if folder == "gateway" && slices.Contains(forbidden, name) {
		t.Errorf("%s imports %s: the core reaches the world through what it is handed", path, name)
	}
	if strings.HasPrefix(name, "github.com/ProtonMail/go-crypto") && folder != "crypto/openpgp" {
		t.Errorf("%s imports the OpenPGP library: only crypto/openpgp may", path)
	}
	own, ours := strings.CutPrefix(name, "liaison/")
	if !ours {
		return
	}
	rule, longest := []string(nil), ""
	for prefix, allowed := range directions {
		if (folder == prefix || strings.HasPrefix(folder+"/", strings.TrimSuffix(prefix, "/")+"/")) && len(prefix) > len(longest) {
			rule, longest = allowed, prefix
		}
	}
	for _, a := range rule {
		if a == "*" || own == a || (a == "adapters" || a == "gateway/store") && strings.HasPrefix(own, a+"/") || own == folder {
			return
		}
	}
	t.Errorf("%s imports %s: that is not a direction that imports take", path, name)
}
