package simulation

import (
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// answer is what a statement returns.
type answer struct {
	columns []column
	rows    [][]*string // in text format; nil is NULL
	tag     string
	change  func() // makes the change when the transaction commits; nil for a read
}

// column is the name of a column and the number of its type.
type column struct {
	name string
	oid  uint32
}

const (
	oidBool        = 16
	oidInt8        = 20
	oidText        = 25
	oidTimestamptz = 1184
	oidUUID        = 2950
)

// statements runs the SQL of a resource. It reports false for a statement that
// is not its own.
type statements func(sql string, args []*string) (answer, bool)

// cluster is several PostgreSQL servers with the same data: each commit is on
// all of them before it is confirmed.
type cluster struct {
	mu         sync.Mutex
	changed    *sync.Cond
	servers    []*postgres
	statements statements // nil: no resource has tables
	unknown    []string   // statements that nobody knew
}

// postgres is one server.
type postgres struct {
	cluster  *cluster
	address  string
	down     bool          // refuses connections
	hung     bool          // takes connections and answers nothing, as if stopped
	readOnly bool          // new sessions take no writes
	delay    time.Duration // before each answer
	failure  string        // the code of the error for each statement; "garbage" breaks the protocol; "": none
	cut      cut           // what becomes of the next write
	sessions map[*session]bool
}

// cut is how a connection ends in the middle of a write.
type cut int

const (
	noCut cut = iota
	cutBefore
	cutAfter // the change is made, and the client is not told
)

type session struct {
	server   *postgres
	conn     *Conn
	readOnly bool
	inTx     bool
	aborted  bool // the transaction has failed
	changes  []func()
}

func newCluster(n *Network, addresses ...string) *cluster {
	c := new(cluster)
	c.changed = sync.NewCond(&c.mu)
	for _, address := range addresses {
		p := &postgres{cluster: c, address: address, sessions: make(map[*session]bool)}
		c.servers = append(c.servers, p)
		n.hosts[address] = p.accept
	}
	return c
}

// change changes the state of servers.
func (c *cluster) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	c.changed.Broadcast()
}

// heal ends every fault. The last server that took writes keeps taking them.
func (c *cluster) heal() {
	c.change(func() {
		for _, p := range c.servers {
			p.down, p.hung, p.delay, p.failure, p.cut = false, false, 0, "", noCut
		}
	})
}

// kill ends the sessions of a server, as a crash does, and refuses new ones.
func (p *postgres) kill() {
	p.cluster.change(func() {
		p.down = true
		p.endSessions()
	})
}

func (p *postgres) endSessions() {
	for s := range p.sessions {
		s.conn.abort()
	}
	clear(p.sessions)
}

// fence makes the sessions of a server, and those to come, take no writes.
func (p *postgres) fence() {
	p.cluster.change(func() {
		p.readOnly = true
		for s := range p.sessions {
			s.readOnly = true
		}
	})
}

// unfence lets new sessions take writes; the old ones stay as they are.
func (p *postgres) unfence() { p.cluster.change(func() { p.readOnly = false }) }

func (p *postgres) accept(conn *Conn) bool {
	p.cluster.mu.Lock()
	defer p.cluster.mu.Unlock()
	if p.down {
		return false
	}
	s := &session{server: p, conn: conn, readOnly: p.readOnly}
	p.sessions[s] = true
	go s.serve()
	return true
}

// pause waits while the server hangs, and for its delay.
func (s *session) pause() {
	c := s.server.cluster
	c.mu.Lock()
	for s.server.hung {
		c.changed.Wait()
	}
	delay := s.server.delay
	c.mu.Unlock()
	time.Sleep(delay)
}

func (s *session) serve() {
	defer func() {
		s.conn.Close()
		s.server.cluster.change(func() { delete(s.server.sessions, s) })
	}()
	backend := pgproto3.NewBackend(s.conn, s.conn)
	startup, err := backend.ReceiveStartupMessage()
	if _, ok := startup.(*pgproto3.StartupMessage); err != nil || !ok {
		return // to cancel a statement, for example
	}
	s.pause()
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	backend.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	s.ready(backend)
	var sql string
	var args []*string
	if backend.Flush() != nil {
		return
	}
	for {
		message, err := backend.Receive()
		if err != nil {
			return
		}
		switch m := message.(type) {
		case *pgproto3.Parse:
			sql = m.Query
			backend.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Bind:
			args = nil
			for _, p := range m.Parameters {
				if p == nil {
					args = append(args, nil)
					continue
				}
				text := string(p)
				args = append(args, &text)
			}
			backend.Send(&pgproto3.BindComplete{})
		case *pgproto3.Describe: // together with Execute
		case *pgproto3.Execute:
			s.pause()
			if !s.execute(backend, sql, args, true) {
				return
			}
		case *pgproto3.Query:
			s.pause()
			if !s.execute(backend, m.String, nil, false) {
				return
			}
			s.ready(backend)
			err = backend.Flush()
		case *pgproto3.Sync:
			s.ready(backend)
			err = backend.Flush()
		case *pgproto3.Terminate:
			return
		}
		if err != nil {
			return
		}
	}
}

func (s *session) ready(backend *pgproto3.Backend) {
	status := byte('I')
	switch {
	case s.aborted:
		status = 'E'
	case s.inTx:
		status = 'T'
	}
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: status})
}

// execute answers one statement, with the description that the client has asked
// for, and reports whether the session goes on.
func (s *session) execute(backend *pgproto3.Backend, sql string, args []*string, described bool) bool {
	c := s.server.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	a, code := s.run(sql, args)
	if code == "garbage" {
		s.conn.push([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		return false
	}
	commits := !s.inTx && len(s.changes) > 0
	if commits && code == "" && s.server.cut != noCut {
		after := s.server.cut == cutAfter
		s.server.cut = noCut
		if after {
			s.commit()
		}
		s.conn.abort()
		return false
	}
	if code != "" {
		s.changes = nil
		s.aborted = s.inTx
		backend.Send(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: "simulated"})
		return true
	}
	if commits {
		s.commit()
	}
	if a.columns != nil {
		description := &pgproto3.RowDescription{}
		for _, column := range a.columns {
			description.Fields = append(description.Fields, pgproto3.FieldDescription{Name: []byte(column.name), DataTypeOID: column.oid, DataTypeSize: -1, TypeModifier: -1})
		}
		backend.Send(description)
		for _, row := range a.rows {
			values := make([][]byte, len(row))
			for i, value := range row {
				if value != nil {
					values[i] = []byte(*value)
				}
			}
			backend.Send(&pgproto3.DataRow{Values: values})
		}
	} else if described {
		backend.Send(&pgproto3.NoData{})
	}
	backend.Send(&pgproto3.CommandComplete{CommandTag: []byte(a.tag)})
	return true
}

func (s *session) commit() {
	for _, change := range s.changes {
		change()
	}
	s.changes = nil
}

// run returns the answer or the code of an error.
func (s *session) run(sql string, args []*string) (answer, string) {
	sql = strings.Join(strings.Fields(sql), " ")
	word, _, _ := strings.Cut(strings.ToLower(sql), " ")
	switch {
	case word == "rollback":
		s.inTx, s.aborted, s.changes = false, false, nil
		return answer{tag: "ROLLBACK"}, ""
	case s.server.failure != "":
		return answer{}, s.server.failure
	case s.aborted && word == "commit":
		s.inTx, s.aborted, s.changes = false, false, nil
		return answer{tag: "ROLLBACK"}, ""
	case s.aborted:
		return answer{}, "25P02"
	case word == "commit":
		s.inTx = false
		return answer{tag: "COMMIT"}, ""
	case word == "begin":
		s.inTx = true
		return answer{tag: "BEGIN"}, ""
	case sql == "" || strings.HasPrefix(sql, "--") || word == ";":
		return answer{tag: "SELECT 0"}, ""
	case sql == "SHOW transaction_read_only":
		value := "off"
		if s.readOnly {
			value = "on"
		}
		return answer{columns: []column{{"transaction_read_only", oidText}}, rows: [][]*string{{&value}}, tag: "SHOW"}, ""
	case strings.Contains(sql, "FROM pg_tables"):
		yes := "t"
		return answer{columns: []column{{"exists", oidBool}}, rows: [][]*string{{&yes}}, tag: "SELECT 1"}, ""
	case strings.HasPrefix(sql, "SELECT version_id, is_applied from "):
		return appliedMigrations(), ""
	}
	if statements := s.server.cluster.statements; statements != nil {
		if a, ok := statements(sql, args); ok {
			if a.change == nil {
				return a, ""
			}
			if s.readOnly {
				return answer{}, "25006"
			}
			s.changes = append(s.changes, a.change)
			return a, ""
		}
	}
	s.server.cluster.unknown = append(s.server.cluster.unknown, sql)
	return answer{}, "42601"
}

// appliedMigrations says that every migration has run: the schema is not part of
// the model.
func appliedMigrations() answer {
	a := answer{columns: []column{{"version_id", oidInt8}, {"is_applied", oidBool}}, tag: "SELECT 10"}
	yes := "t"
	for version := '9'; version >= '0'; version-- {
		text := string(version)
		a.rows = append(a.rows, []*string{&text, &yes})
	}
	return a
}
