package configs

import (
	"path/filepath"
	"time"
)

// Agent is agent.yaml, a participant's end of the WebSocket channel.
type Agent struct {
	URL            string `yaml:"url"` // wss://channel.gateway.example/v1/channel
	Operation      string `yaml:"operation"`
	Participant    string `yaml:"participant"`
	Reference      string `yaml:"reference"` // begin of the references that the agent gives, LV-VID
	KeyFile        string `yaml:"key_file"`
	PassphraseFile string `yaml:"passphrase_file"` // or LIAISON_PASSPHRASE

	// The gateway's certificate, and its fingerprint from the operation book: the
	// certificate is used only if it has that. While the gateway changes its key,
	// the next one stands beside it, and either is the gateway.
	Gateway         string `yaml:"gateway_certificate"`
	Fingerprint     string `yaml:"gateway_fingerprint"`
	NextGateway     string `yaml:"next_gateway_certificate"`
	NextFingerprint string `yaml:"next_gateway_fingerprint"`

	// The participants' certificates: what "liaison key export" prints, or a folder
	// with a CODE.asc for each. With them the agent verifies who wrote a form;
	// without, it says what the gateway says.
	Participants string `yaml:"participants_file"`

	Folder      string        `yaml:"folder"` // holds in/, out/, ask/ and state/
	Language    string        `yaml:"language"`
	Exec        []string      `yaml:"exec"` // command to run for each form, with its folder as last argument; run again after a failure
	ExecTimeout time.Duration `yaml:"exec_timeout"`
	CAFile      string        `yaml:"ca_file"` // trust this authority instead of the system's

	dir string
}

// LoadAgent reads agent.yaml and checks it. An error is a Problems.
func LoadAgent(file string) (*Agent, error) {
	a := &Agent{dir: filepath.Dir(file), Folder: ".", Language: "en", ExecTimeout: time.Minute}
	f, err := load(file, a, "write one (configs/agent.yaml is an example), or name yours with -c")
	if err != nil {
		return nil, err
	}
	if f.agent(a); len(f.problems) > 0 {
		return nil, f.problems
	}
	return a, nil
}

// Path resolves a path of the file.
func (a *Agent) Path(p string) string { return resolve(a.dir, p) }
