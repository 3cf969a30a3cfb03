package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/entity/mangle"
	"liaison/gateway/form"
)

type benchInspectCmd struct {
	jsonFlag
	Mails   int `help:"So many mails." default:"10000"`
	Workers int `help:"So many at a time; 0 is one for each processor." default:"0"`
}

func (benchInspectCmd) Help() string {
	return "Examines mails of mixed kinds as \"liaison inspect\" does: sealed forms as servers mangle them, bounces, automatic answers, replies in the languages of the Union, MIME torture, and large files, one mail in a hundred.\nExample: liaison bench inspect --mails 10000"
}

// inspectResult is what examining took. PeakBytes is of the whole process, with
// the mails.
type inspectResult struct {
	Mails     int            `json:"mails"`
	Bytes     int64          `json:"bytes"`
	Workers   int            `json:"workers"`
	Seconds   float64        `json:"seconds"`
	PerSecond float64        `json:"per_second"`
	P50US     int64          `json:"p50_us"`
	P99US     int64          `json:"p99_us"`
	MaxUS     int64          `json:"max_us"`
	OpenUS    int64          `json:"open_us"` // opening and verifying one sealed form, and nothing else
	PeakBytes int64          `json:"peak_bytes"`
	Kinds     map[string]int `json:"kinds"`
}

func (c benchInspectCmd) Run(a *app) error {
	if c.Mails < 1 {
		return wrongf("--mails %d: at least one", c.Mails)
	}
	if c.Workers <= 0 {
		c.Workers = runtime.NumCPU()
	}
	set, err := newInspectSet()
	if err != nil {
		return err
	}
	c.say(a, "%s; %d different mails, in turn", machine(), len(set.mails))
	r, err := set.measure(c.Mails, c.Workers)
	if err != nil {
		return err
	}
	c.fact(a, r, "%d mails, %.1f MB, by %d workers: %.1f s, %.0f a second; %d µs at the median, %d at p99, %d at most; opening a sealed form alone takes %d µs; peak memory %d MB; kinds: %s",
		r.Mails, float64(r.Bytes)/1e6, r.Workers, r.Seconds, r.PerSecond, r.P50US, r.P99US, r.MaxUS, r.OpenUS, r.PeakBytes>>20, counted(r.Kinds))
	return nil
}

func counted(kinds map[string]int) string {
	var out []string
	for kind, n := range kinds {
		out = append(out, fmt.Sprintf("%s %d", kind, n))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// inspectSet is mails of every kind and who can open them.
type inspectSet struct {
	mails    [][]byte
	examiner gateway.Examiner
	sealed   []byte // a sealed form, as packets
}

// largeFile is the size of a file in the large mails.
const largeFile = 1 << 20

func newInspectSet() (*inspectSet, error) {
	now := time.Now()
	var keys []*openpgp.SecretKey
	for _, address := range []string{"ocu@gateway.example", "officer@vid.example"} {
		k, err := openpgp.Generate(openpgp.KeyOptions{Name: "Bench", Address: address, Created: now.Add(-time.Hour)})
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	reg := &files{certs: []*openpgp.Certificate{keys[1].Certificate()}, byUID: true}
	s := &inspectSet{examiner: gateway.Examiner{Keys: keys[:1], Registry: reg, At: now}}
	seal := func(files ...entity.Attachment) ([]byte, error) {
		sealed, err := openpgp.Seal(entity.Inner(benchText, files, "Seizure"), keys[1], openpgp.SEIPDv1, now)
		if err != nil {
			return nil, err
		}
		return sealed.For(keys[0].Certificate())
	}
	var err error
	if s.sealed, err = seal(); err != nil {
		return nil, err
	}
	pack := func(message []byte, style mangle.Style) *mangle.Mail {
		return mangle.New(mangle.Sealed{From: "officer@vid.example", To: "ocu@gateway.example", Subject: "...", MessageID: "<1@vid.example>", Armor: string(openpgp.Armor(openpgp.ArmorMessage, message))}, style)
	}
	for i, rule := range mangle.Rules() {
		m := pack(s.sealed, mangle.Style(i%3))
		mangle.Apply(m, rule)
		s.mails = append(s.mails, m.Bytes())
	}
	for _, list := range [][]mangle.Told{mangle.Notices(), mangle.Replies(), mangle.Torments()} {
		for _, m := range list {
			s.mails = append(s.mails, m.Mail)
		}
	}
	large, err := seal(entity.Attachment{Name: "photo.jpg", Type: "image/jpeg", Content: []byte(strings.Repeat("invented", largeFile/8))})
	if err != nil {
		return nil, err
	}
	for range max(1, len(s.mails)/100) {
		s.mails = append(s.mails, pack(large, mangle.PGPMIME).Bytes())
	}
	return s, nil
}

const benchText = "Please find our form.\n\nA1: [SEZ] A3: [OP-7K3] A4: [LV-VID-2027-000017] A6: [LV] A7: [OCU] A10: [EXER] B1: [2027-01-17] B3: [LV] B5: [Rēzekne] C1: [TOBA] C2: [Cigarettes] C4: [1200] C5: [H87] C14: [SEZ] H1: [Hidden behind the seat]\n"

func (s *inspectSet) measure(mails, workers int) (*inspectResult, error) {
	r := &inspectResult{Mails: mails, Workers: workers, Kinds: map[string]int{}}
	took := make([]time.Duration, mails)
	var mu sync.Mutex // guards Kinds
	var next atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(mails); i = next.Add(1) - 1 {
				at := time.Now()
				kind := s.one(s.mails[int(i)%len(s.mails)])
				took[i] = time.Since(at)
				mu.Lock()
				r.Kinds[string(kind)]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	r.Seconds = time.Since(began).Seconds()
	r.PerSecond = float64(mails) / r.Seconds
	for i := range mails {
		r.Bytes += int64(len(s.mails[i%len(s.mails)]))
	}
	r.P50US, r.P99US, r.MaxUS = percentile(took, 50).Microseconds(), percentile(took, 99).Microseconds(), percentile(took, 100).Microseconds()
	r.PeakBytes = peakMemory()
	var err error
	r.OpenUS = rounds(20, func() {
		if _, failed := openpgp.Open(s.sealed, s.examiner.Keys, s.examiner.Registry.Signers, s.examiner.At, openpgp.Limits{}); failed != nil {
			err = failed
		}
	})[0].Microseconds()
	return r, err
}

// one examines a mail and checks what is in its form.
func (s *inspectSet) one(raw []byte) entity.Kind {
	m := s.examiner.Mail(raw)
	if m.Form != nil {
		form.Check(m.Form.Normal(), form.Context{Now: s.examiner.At, Received: true, Legal: "OTHER"})
	}
	return m.Kind
}
