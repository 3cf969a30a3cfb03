package mail

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"liaison/adapters/mail/mailtest"
)

// refusing puts a server that refuses some commands before the lab's mailbox, and
// counts the connections to it. refuse is given a command without its tag.
func (l *lab) refusing(refuse func(command string) bool) (dialled *atomic.Int64) {
	l.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { listener.Close() })
	dialled = new(atomic.Int64)
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			dialled.Add(1)
			far, err := net.Dial("tcp", l.server.IMAPAddr)
			if err != nil {
				near.Close()
				continue
			}
			go func() {
				defer near.Close()
				_, _ = io.Copy(near, far)
			}()
			go func() {
				defer far.Close()
				relay(near, far, refuse)
			}()
		}
	}()
	l.opt.IMAP = l.parse("imap", listener.Addr().String())
	return dialled
}

// relay hands commands on, and answers those that are refused.
func relay(near, far net.Conn, refuse func(command string) bool) {
	for lines := bufio.NewReader(near); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		tag, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		if refuse(command) {
			_, err = fmt.Fprintf(near, "%s NO [SERVERBUG] internal error\r\n", tag)
		} else {
			_, err = io.WriteString(far, line)
		}
		if err != nil {
			return
		}
	}
}

func TestServerThatRefusesToIdleIsAskedNowAndThen(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	dialled := l.refusing(func(command string) bool { return command == "IDLE" })
	l.start()
	for n, id := range []string{"one", "two", "three"} {
		l.deliver(id)
		l.flow.wait(t, n+1)
		l.held("Done", n+1)
	}
	if n := dialled.Load(); n != 1 {
		t.Errorf("connections = %d; want 1", n)
	}
}

func TestDamagedMailHidesNoOther(t *testing.T) {
	var healed atomic.Bool
	damaged := func(command string) bool { // the second mail's file
		set, isFetch := strings.CutPrefix(command, "UID FETCH ")
		set, _, _ = strings.Cut(set, " ")
		return isFetch && !healed.Load() && holds(t, set, 2)
	}
	for name, late := range map[string]bool{"there at the start": false, "later": true} {
		t.Run(name, func(t *testing.T) {
			healed.Store(false)
			l := newLab(t, mailtest.Options{})
			l.opt.SetUp = time.Now().Add(-time.Hour)
			l.refusing(damaged)
			if late {
				l.start()
			}
			for _, id := range []string{"one", "two", "three", "four"} {
				l.deliver(id)
			}
			if !late {
				l.start()
			}
			l.flow.wait(t, 3)
			eventually(t, "the position waits for the damaged one", func() bool { return l.positions.get().uid == 2 })
			healed.Store(true)
			l.flow.wait(t, 4)
			l.held("Done", 4)
		})
	}
}

// holds reports whether a set such as "1:3,5" holds a UID.
func holds(t testing.TB, set string, uid int) bool {
	for part := range strings.SplitSeq(set, ",") {
		first, last, isRange := strings.Cut(part, ":")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err != nil || err2 != nil {
			t.Errorf("the set %q can't be read", set)
		}
		if from <= uid && uid <= to {
			return true
		}
	}
	return false
}
