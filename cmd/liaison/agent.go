package main

import (
	"log/slog"
	"os"

	"liaison/adapters/websocket/agent"
	"liaison/configs"
	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

type agentCmd struct {
	Config string `short:"c" help:"Configuration file." default:"agent.yaml" type:"path"`
	Submit bool   `help:"Submit one form from standard input, print the answer, and end."`
	Exec   string `help:"Command to run for each received form, with its folder as argument; overrides the configuration."`
}

func (agentCmd) Help() string {
	return "A participant's end of the WebSocket channel: received forms land in in/, forms dropped into out/ are signed, sealed and submitted.\nExample: liaison agent -c agent.yaml"
}

func (c agentCmd) Run(a *app) error {
	opt, err := c.options(a)
	if err != nil {
		return err
	}
	if !c.Submit {
		a.print("Agent of %s in %s; forms go into %s. Stop it with Ctrl-C.", opt.Participant, opt.Operation, opt.Dir)
		err := agent.Run(a.ctx, *opt)
		if a.ctx.Err() != nil {
			return nil
		}
		return err
	}
	answer, err := agent.Submit(a.ctx, *opt, a.in)
	if err != nil {
		return err
	}
	a.print("%s", answer.Text)
	if !answer.Taken {
		return no{"the gateway did not take the form; see its answer"}
	}
	return nil
}

// options loads the configuration, the participant's key and the gateway's
// certificate, which must have the fingerprint that the configuration names.
func (c agentCmd) options(a *app) (*agent.Options, error) {
	config, err := configs.LoadAgent(c.Config)
	if err != nil {
		return nil, wrong{err}
	}
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
		return nil, wrongf("%s: %w", config.KeyFile, err)
	}
	cert, err := pinned(config)
	if err != nil {
		return nil, err
	}
	opt := &agent.Options{Dir: config.Path(config.Folder), URL: config.URL, Operation: operation.Code(config.Operation), Participant: operation.ParticipantCode(config.Participant),
		Prefix: config.Reference, Keys: keys, Gateway: cert, Language: config.Language, Exec: config.Exec, ExecTimeout: config.ExecTimeout,
		Log: slog.New(slog.NewTextHandler(a.err, nil))}
	if opt.Prefix == "" {
		opt.Prefix = config.Participant + "-AGENT"
	}
	if c.Exec != "" {
		opt.Exec = []string{c.Exec}
	}
	opt.TLS, err = trusting(config.Path(config.CAFile))
	return opt, err
}

func pinned(config *configs.Agent) (*openpgp.Certificate, error) {
	want, err := openpgp.ParseFingerprint(config.Fingerprint)
	if err != nil {
		return nil, wrongf("gateway_fingerprint: %w", err)
	}
	certs, err := readCertificates(config.Path(config.Gateway))
	if err != nil {
		return nil, err
	}
	for _, cert := range certs {
		if cert.Fingerprint() == want {
			return cert, nil
		}
	}
	return nil, wrongf("gateway_certificate %s is not the one with fingerprint %s; compare it with your operation book", config.Gateway, want.Grouped())
}
