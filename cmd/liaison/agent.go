package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"liaison/adapters/websocket/agent"
	"liaison/configs"
	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

type agentCmd struct {
	Config string        `short:"c" help:"Configuration file." default:"agent.yaml" type:"path"`
	Submit bool          `help:"Submit one form from standard input, print the verified answer, and end; exit code 3 where the gateway doesn't take it."`
	Wait   time.Duration `help:"With --submit: how long to wait for the answer; the form is kept and goes out later." default:"2m"`
	JSON   bool          `help:"With --submit: print the answer as one JSON object."`
	Exec   string        `help:"Command to run for each received form, with its folder as last argument; overrides the configuration. Words are split at blanks, unless the whole names a file."`
}

func (agentCmd) Help() string {
	return `For one operation, in the folder that agent.yaml names:

in/NAME holds a received form: form.txt to read (its first lines say who proved what), form.json, form.json.asc (the originator's signature), relay.json and attachments; superseded.txt once it was corrected or cancelled.

out takes what is dropped into it: a .txt, a .json, or a folder with a form and its attachments. It moves to out/sent or out/failed, with the answer beside it.

ask holds test calls that want a person: complete the file and move it into out.

Two agents never share a folder, and a second one of the same participant makes the first stand aside. To look at a form without sending it, use "liaison form check"; what the coordination unit itself does with forms is under "liaison forms".

Example: liaison agent -c agent.yaml

Example: liaison agent -c agent.yaml --submit < seizure.txt`
}

func (c agentCmd) Run(a *app) error {
	opt, err := c.options(a)
	if err != nil {
		return err
	}
	if c.Submit {
		return c.submit(a, *opt)
	}
	a.print("Agent of %s in %s; drop forms into %s/out. Stop it with Ctrl-C.", opt.Participant, opt.Operation, opt.Dir)
	if opt.Roster == nil {
		a.print("No participants_file is named: who wrote a form rests on the gateway's word.")
	}
	return usage(agent.Run(a.ctx, *opt))
}

// submit sends one form and says what became of it.
func (c agentCmd) submit(a *app, opt agent.Options) error {
	ctx, cancel := context.WithTimeout(a.ctx, c.Wait)
	defer cancel()
	answer, err := agent.Submit(ctx, opt, a.in)
	if err != nil {
		return usage(err)
	}
	if c.JSON {
		err = a.json(map[string]any{"taken": answer.Taken, "text": answer.Text, "answer": string(answer.JSON)})
	} else {
		a.print("%s", strings.TrimRight(answer.Text, "\n"))
	}
	if err == nil && !answer.Taken {
		return no{"the gateway did not take the form; see its answer"}
	}
	return err
}

// usage makes a wrong configuration of what the agent says of its options.
func usage(err error) error {
	var fault *agent.Fault
	if errors.As(err, &fault) || errors.Is(err, agent.ErrInUse) {
		return wrong{err}
	}
	return err
}

// options loads the configuration, the participant's key and the certificates.
func (c agentCmd) options(a *app) (*agent.Options, error) {
	config, err := configs.LoadAgent(c.Config)
	if err != nil {
		return nil, wrong{err}
	}
	opt := &agent.Options{Dir: config.Path(config.Folder), URL: config.URL, Operation: operation.Code(config.Operation), Participant: operation.ParticipantCode(config.Participant),
		Prefix: config.Reference, Language: config.Language, Program: "liaison agent " + version + " " + runtime.GOOS, Exec: config.Exec, ExecTimeout: config.ExecTimeout,
		Log: slog.New(slog.NewTextHandler(a.err, nil))}
	if opt.Prefix == "" {
		opt.Prefix = config.Participant + "-AGENT"
	}
	if c.Exec != "" {
		opt.Exec = commandLine(c.Exec)
	}
	if opt.Keys, err = ownKeys(config); err != nil {
		return nil, err
	}
	if opt.Gateways, err = pinned(config); err != nil {
		return nil, err
	}
	if config.Participants != "" {
		if opt.Roster, err = agent.ReadRoster(config.Path(config.Participants)); err != nil {
			return nil, wrongf("participants_file: %w", err)
		}
	}
	opt.TLS, err = trusting(config.Path(config.CAFile))
	return opt, err
}

// commandLine is a command as people write one: a program, or one with arguments.
func commandLine(text string) []string {
	if _, err := os.Stat(text); err == nil {
		return []string{text}
	}
	return strings.Fields(text)
}

func ownKeys(config *configs.Agent) ([]*openpgp.SecretKey, error) {
	passphrase, err := configs.Secret(config.Path(config.PassphraseFile), "LIAISON_PASSPHRASE")
	if err != nil {
		return nil, wrong{err}
	}
	data, err := os.ReadFile(config.Path(config.KeyFile))
	if err != nil {
		return nil, wrongf("read the secret key: %w", err)
	}
	keys, err := openpgp.ParseSecretKeys(data, passphrase)
	if err != nil {
		return nil, wrongf("key_file %s: %w", config.KeyFile, err)
	}
	return keys, nil
}

// pinned reads the gateway's certificate, and the one that comes next, each of
// which must have the fingerprint that the configuration names.
func pinned(config *configs.Agent) ([]*openpgp.Certificate, error) {
	var gateways []*openpgp.Certificate
	for _, pin := range []struct{ key, file, fingerprint string }{{"gateway_certificate", config.Gateway, config.Fingerprint},
		{"next_gateway_certificate", config.NextGateway, config.NextFingerprint}} {
		if pin.file == "" {
			continue
		}
		want, err := openpgp.ParseFingerprint(pin.fingerprint)
		if err != nil {
			return nil, wrongf("%s: %w", pin.key, err)
		}
		certs, err := readCertificates(config.Path(pin.file))
		if err != nil {
			return nil, err
		}
		var found *openpgp.Certificate
		for _, cert := range certs {
			if cert.Fingerprint() == want {
				found = cert
			}
		}
		if found == nil {
			return nil, wrongf("%s %s is not the one with fingerprint %s; compare it with your operation book", pin.key, pin.file, want.Grouped())
		}
		gateways = append(gateways, found)
	}
	return gateways, nil
}
