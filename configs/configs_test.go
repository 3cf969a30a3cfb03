package configs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"liaison/gateway/operation"
)

// write puts a file into a folder of the test.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// wants compares the problems with the beginnings expected, "LINE: TEXT", in
// their order.
func wants(t *testing.T, file string, err error, want ...string) {
	t.Helper()
	got, _ := err.(Problems)
	if len(got) != len(want) {
		t.Fatalf("load = %d problems %q; want %d %q", len(got), got, len(want), want)
	}
	for i, w := range want {
		if !strings.HasPrefix(got[i], file+":"+w) {
			t.Errorf("problem %d = %q; want %q…", i, got[i], w)
		}
	}
}

func TestExampleFilesLoad(t *testing.T) {
	g, err := LoadGateway("gateway.yaml")
	if err != nil {
		t.Fatalf("LoadGateway = %v", err)
	}
	if got := g.Path(g.Gateway.KeyFiles[0]); got != "keys/ocu.asc" || g.Alarm.Repeat != 5*time.Minute || len(g.Operators) != 1 {
		t.Errorf("gateway.yaml = %+v", g)
	}
	a, err := LoadAgent("agent.yaml")
	if err != nil {
		t.Fatalf("LoadAgent = %v", err)
	}
	if a.Participants == "" || a.Folder == "" || a.ExecTimeout == 0 {
		t.Errorf("agent.yaml = %+v", a)
	}
	data, err := os.ReadFile("operation.yaml")
	if err != nil {
		t.Fatal(err)
	}
	op := sound(t, data)
	if op.Participant(operation.ParticipantCode(a.Participant)) == nil || string(op.Code) != a.Operation {
		t.Errorf("the agent's %s in %s isn't in operation.yaml", a.Participant, a.Operation)
	}
}

// sound parses an operation that must have no problem at all.
func sound(t *testing.T, data []byte) *operation.Operation {
	t.Helper()
	op, problems := operation.Parse(data, "operation.yaml")
	if op == nil {
		t.Fatalf("Parse = %v", problems)
	}
	if problems := op.Check("operation.yaml", "OCU"); len(problems) > 0 {
		t.Errorf("Check = %v; want none", problems)
	}
	return op
}

// fill executes a starter template as "liaison init" does.
func fill(t *testing.T, text string) []byte {
	t.Helper()
	day := func(n int) string {
		return time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n).Format(time.DateOnly)
	}
	tmpl, err := template.New("starter").Option("missingkey=error").Funcs(template.FuncMap{"day": day}).Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, map[string]string{"Code": "OCU", "Address": "ocu@gateway.example"}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestStarterFilesLoad(t *testing.T) {
	g, err := LoadGateway(write(t, string(fill(t, StarterGateway))))
	if err != nil {
		t.Fatalf("LoadGateway = %v", err)
	}
	if g.Gateway.Code != "OCU" || g.WebSocket.Listen == "" {
		t.Errorf("starter gateway = %+v", g)
	}
	op, problems := operation.Parse(fill(t, StarterOperation), "operation.yaml")
	if op == nil {
		t.Fatalf("Parse = %v", problems)
	}
	for _, p := range op.Check("operation.yaml", "OCU") {
		if p.Severity == "error" || p.Code != "no-key" {
			t.Errorf("starter operation: %s; want the missing keys alone", p)
		}
	}
}

func TestBadGatewayFileNamesKeyAndLine(t *testing.T) {
	const head = "gateway: {code: OCU, address: ocu@x.example, key_files: [k]}\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":              {"# nothing\n", []string{"1: the file is empty"}},
		"unknown key":        {head + "stoer: x\n", []string{`2: there is no key "stoer"`}},
		"wrong kind":         {head + "mail:\n  imap: 3\n", []string{"3: mail.imap: \"3\" is not a group"}},
		"syntax":             {head + "mail: {imap\n", []string{""}},
		"second document":    {head + "---\nstore: x\n", []string{"2: a second document"}},
		"code":               {"gateway:\n  code: ocu\n  key_files: [k]\n", []string{"2: gateway.code: \"ocu\""}},
		"no code, no key":    {"gateway:\n  phone: x\n", []string{"1: gateway.code is missing", "1: gateway.key_files is missing"}},
		"address":            {"gateway:\n  code: OCU\n  address: A <a@x.example>\n  key_files: [k]\n", []string{"3: gateway.address:"}},
		"address missing":    {"gateway: {code: OCU, key_files: [k]}\nmail: {imap: {url: \"imaps://x.example\"}}\n", []string{"1: gateway.address is missing"}},
		"store":              {head + "store: mysql://x\n", []string{"2: store is neither"}},
		"sqlite without":     {head + "store: \"sqlite:\"\n", []string{"2: store: sqlite: needs"}},
		"sqlite in memory":   {head + "store: \"sqlite::memory:\"\n", []string{"2: store: sqlite: needs"}},
		"store password":     {head + "store: postgres://u:hush@h/d\n", []string{"2: store holds a password"}},
		"store parameter":    {head + "store: postgres://u@h/d?password=hush\n", []string{"2: store holds a password"}},
		"store without name": {head + "store: postgres://u@h\n", []string{"2: store is no database address"}},
		"mail password":      {head + "mail:\n  imap:\n    url: imaps://u:hush@h.example\n", []string{"4: mail.imap.url holds a user or password"}},
		"mail scheme":        {head + "mail:\n  smtp:\n    url: imaps://h.example\n", []string{"4: mail.smtp.url: unknown scheme"}},
		"mail in the clear":  {head + "mail:\n  smtp:\n    url: smtp+insecure://h.example\n", []string{"4: mail.smtp.url: smtp+insecure"}},
		"mail without url":   {head + "mail:\n  smtp:\n    username: u\n", []string{"3: mail.smtp.url is missing"}},
		"lmtp outside":       {head + "mail:\n  lmtp: {listen: \":24\"}\n", []string{"3: mail.lmtp.listen"}},
		"websocket":          {head + "websocket:\n  listen: \":8443\"\n  tls_key_file: k\n", []string{"2: websocket.tls_cert_file", "2: websocket.hosts", "2: websocket: tls_cert_file and"}},
		"pattern":            {head + "operations: [\"a[\"]\n", []string{"2: operations:"}},
		"portal":             {head + "portal: {listen: \":80\", url: \"http://h.example\"}\n", []string{"2: portal.tls_cert_file", "2: portal.url"}},
		"metrics":            {head + "metrics: {listen: \"0.0.0.0:1\"}\n", []string{"2: metrics.listen"}},
		"operators":          {head + "operators: [{name: A}]\n", []string{"2: operators: entry 1"}},
		"alarm":              {head + "alarm:\n  to: [x]\n  repeat: soon\n", []string{"4: alarm.repeat: \"soon\" is not a time span"}},
		"alarm address":      {head + "alarm:\n  to: [x]\n", []string{"3: alarm.to: \"x\""}},
		"limits":             {head + "limits: {message: -1}\n", []string{"2: limits.message"}},
		"kinds at once":      {"gateway: []\nx: 1\nalarm: {repeat: y}\n", []string{"1: gateway: a list is not", "2: there is no key \"x\"", "3: alarm.repeat"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, c.text)
			_, err := LoadGateway(file)
			wants(t, file, err, c.want...)
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("the error %q repeats the password", err)
			}
		})
	}
}

func TestBadAgentFileNamesKeyAndLine(t *testing.T) {
	file := write(t, "operation: OP-1\nparticipant: lv\nurl: ws://h.example\nexec_timeout: 0s\n")
	_, err := LoadAgent(file)
	wants(t, file, err, "1: key_file is missing", "1: gateway_certificate is missing", "1: gateway_fingerprint is missing", "2: participant:", "3: url must", "4: exec_timeout:")
	file = write(t, "operation: OP-1\nparticipant: LV\nkey_file: k\ngateway_certificate: c\ngateway_fingerprint: f\nurl: wss://u:hush@h.example\n")
	_, err = LoadAgent(file)
	wants(t, file, err, "6: url holds a user", "5: gateway_fingerprint: \"f\" is no fingerprint")
	file = write(t, "operation: OP-1\nparticipant: LV\nkey_file: k\ngateway_certificate: c\ngateway_fingerprint: "+strings.Repeat("AB cd ", 10)+
		"\nurl: wss://h.example\nnext_gateway_certificate: n\nexec: [\"\"]\n")
	_, err = LoadAgent(file)
	wants(t, file, err, "7: next_gateway_certificate and next_gateway_fingerprint", "8: exec: the command is empty")
}

func TestMissingFileSaysHowToMakeOne(t *testing.T) {
	if _, err := LoadGateway(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "liaison init") {
		t.Errorf("LoadGateway = %v; want a hint at liaison init", err)
	}
}

func TestSecretIsTheFirstLineOrTheEnvironment(t *testing.T) {
	for text, want := range map[string]string{"a b \r\nnote\n": "a b ", "x": "x", "\nx": "", "": ""} {
		if got, err := Secret(write(t, text), "LIAISON_TEST"); err != nil || string(got) != want {
			t.Errorf("Secret(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	t.Setenv("LIAISON_TEST", "from outside")
	if got, err := Secret("", "LIAISON_TEST"); err != nil || string(got) != "from outside" {
		t.Errorf("Secret of the environment = %q, %v", got, err)
	}
	if got, err := Secret("", "LIAISON_TEST_UNSET"); err != nil || len(got) != 0 {
		t.Errorf("Secret of an unset variable = %q, %v; want nothing", got, err)
	}
	if _, err := Secret(filepath.Join(t.TempDir(), "none"), "LIAISON_TEST"); err == nil {
		t.Error("Secret of a missing file = nil; want an error")
	}
}

// A hint is given where it helps: to make a set-up helps nobody whose file may not
// be read.
func TestOnlyAMissingSetUpIsToBeMade(t *testing.T) {
	missing, folder := filepath.Join(t.TempDir(), "missing.yaml"), t.TempDir()
	for _, c := range []struct {
		name string
		load func(string) error
		file string
		want bool
	}{
		{"gateway, missing", loadGateway, missing, true},
		{"gateway, a folder", loadGateway, folder, false},
		{"agent, missing", loadAgent, missing, false},
	} {
		err := c.load(c.file)
		if err == nil || !strings.Contains(err.Error(), c.file) || strings.Contains(err.Error(), "liaison init") != c.want {
			t.Errorf("%s: %v; want an error that names the file; \"liaison init\" in it: %v", c.name, err, c.want)
		}
	}
}

func loadGateway(file string) error { _, err := LoadGateway(file); return err }

func loadAgent(file string) error { _, err := LoadAgent(file); return err }
