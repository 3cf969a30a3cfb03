package main

import (
	"os"
	"strings"
	"testing"
)

func TestASecretKeyIsNobodysCertificate(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config := r.path("gw/gateway.yaml")
	before := r.ok("key", "list", "-c", config)
	t.Setenv("LIAISON_PASSPHRASE", "locks the key")
	r.ok("key", "generate", "--name", "LV", "--address", "jco@lv.example", "--out", r.path("locked.asc"))
	t.Setenv("LIAISON_PASSPHRASE", "")
	op := r.read("gw/operations/operation.yaml")
	for _, secret := range []string{"LV.asc", "locked.asc"} {
		r.write("gw/operations/operation.yaml", strings.Replace(op, "../../LV.asc.cert.asc", "../../"+secret, 1))
		for _, args := range [][]string{{"key", "import", "OP-001", "PL", r.path(secret)}, {"operation", "apply"}, {"check", "--offline"}, {"key", "show", r.path(secret)}} {
			if args[1] != "show" {
				args = append(args, "-c", config)
			}
			if out, code := command(t, "", args...); code != exitUsage || !strings.Contains(out, secret+" holds the secret key ") || !strings.Contains(out, "compromised") {
				t.Errorf("liaison %v = exit code %d; want %d, and the secret key told\n%s", args, code, exitUsage, out)
			}
		}
	}
	if after := r.ok("key", "list", "-c", config); after != before {
		t.Errorf("key list =\n%s\nwant as before:\n%s", after, before)
	}
}

func TestAFolderOfCertificatesMayHoldLinksAndNotNothing(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	r.write("links/README", "no key")
	for _, args := range [][]string{{"key", "import", "OP-001", "PL", r.path("links"), "-c", r.path("gw/gateway.yaml")}, {"key", "show", r.path("links")}} {
		if out, code := command(t, "", args...); code != exitUsage || !strings.Contains(out, "no file in it holds an OpenPGP key") {
			t.Errorf("liaison %v of a folder without one = exit code %d; want %d and that said\n%s", args, code, exitUsage, out)
		}
	}
	if err := os.Symlink("../PL.asc.cert.asc", r.path("links/pl.asc")); err != nil {
		t.Fatal(err)
	}
	if out := r.ok("key", "show", r.path("links")); !strings.Contains(out, "jco@pl.example") {
		t.Errorf("key show of a folder with a link to a certificate =\n%s\nwant the certificate", out)
	}
}
