package gateway

import (
	"context"
	"strings"

	"liaison/gateway/entity"
	"liaison/gateway/operation"
)

// inForce is the operations of one version of the record, and who is registered
// under which address in them: there may be a thousand operations, and every mail
// asks.
type inForce struct {
	version int64
	ops     map[operation.Code]*operation.Operation
	at      map[string][]seat // by address in lower case, as it was written down
}

// seat is a participant in an operation.
type seat struct {
	op  *operation.Operation
	who *operation.Participant
}

func newInForce(version int64, ops []*operation.Operation) *inForce {
	f := &inForce{version: version, ops: make(map[operation.Code]*operation.Operation, len(ops)), at: make(map[string][]seat)}
	for _, o := range ops {
		f.ops[o.Code] = o
		for _, p := range o.Participants {
			for _, address := range p.Registered() {
				if address = strings.ToLower(address); address != "" {
					f.at[address] = append(f.at[address], seat{o, p})
				}
			}
		}
	}
	return f
}

// registered are the seats that an address is registered for, in whichever form
// its domain was written down; one seat may be among them twice.
func (f *inForce) registered(address string) []seat {
	found := f.at[strings.ToLower(address)]
	if readable := entity.Readable(address); !strings.EqualFold(readable, address) {
		found = append(found[:len(found):len(found)], f.at[strings.ToLower(readable)]...)
	}
	return found
}

// inForce reads the operations anew where they changed.
func (g *Gateway) inForce(ctx context.Context) (*inForce, error) {
	ops, version, err := g.opt.Reads.Operations(ctx)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now == nil || version != g.now.version {
		g.now = newInForce(version, ops)
	}
	return g.now, nil
}

// operations are those in force.
func (g *Gateway) operations(ctx context.Context) (map[operation.Code]*operation.Operation, error) {
	f, err := g.inForce(ctx)
	if err != nil {
		return nil, err
	}
	return f.ops, nil
}

// operation returns one operation in force, nil where there is none.
func (g *Gateway) operation(ctx context.Context, code operation.Code) (*operation.Operation, error) {
	ops, err := g.operations(ctx)
	if err != nil {
		return nil, err
	}
	return ops[code], nil
}
