// The Go peer: net/http, pgx. Serves the operations that tests/bench measures, with whistled's replies and effects.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

type server struct {
	pool *pgxpool.Pool
	dict *dictionary
	auth *auth
	sql  map[string]string
}

func env(name string) string {
	value := os.Getenv(name)
	if value == "" {
		log.Fatalf("%s is not set", name)
	}
	return value
}

func readStatements(folder string) map[string]string {
	found := map[string]string{}
	files, err := os.ReadDir(folder)
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(folder + "/" + file.Name())
		if err != nil {
			log.Fatal(err)
		}
		found[strings.TrimSuffix(file.Name(), ".sql")] = string(text)
	}
	return found
}

func openPool() *pgxpool.Pool {
	config, err := pgxpool.ParseConfig(fmt.Sprintf("host=%s port=5432 user=whistled dbname=%s", env("BENCH_SOCKET"), env("BENCH_DATABASE")))
	if err != nil {
		log.Fatal(err)
	}
	size, _ := strconv.Atoi(env("BENCH_POOL"))
	config.MaxConns, config.MinConns = int32(size), int32(size)
	config.ConnConfig.RuntimeParams["search_path"] = env("BENCH_SCHEMA") + ",whistled,public"
	config.ConnConfig.RuntimeParams["TimeZone"] = "Asia/Shanghai"
	pool, err := pgxpool.ConnectConfig(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	return pool
}

func (s *server) route(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var handler func(*call)
	var roles []string
	switch {
	case r.Method == "GET" && r.URL.Path == "/readyz":
		w.WriteHeader(200)
		return
	case len(parts) == 2 && parts[1] == "cases" && r.Method == "POST":
		handler, roles = s.createCase, s.dict.Roles["cases.create"]
	case len(parts) == 3 && parts[1] == "cases" && r.Method == "GET":
		handler, roles = s.getCase, s.dict.Roles["cases.get"]
	case len(parts) == 4 && parts[1] == "cases" && r.Method == "POST":
		handler, roles = s.actOnCase, s.dict.Roles["cases."+strings.ReplaceAll(parts[3], "-", "_")]
	case len(parts) == 2 && parts[1] == "tickets" && r.Method == "GET":
		handler, roles = s.listTickets, s.dict.Roles["tickets.list"]
	case len(parts) == 4 && parts[1] == "tickets" && r.Method == "POST":
		handler, roles = s.actOnTicket, s.dict.Roles["tickets."+strings.ReplaceAll(parts[3], "-", "_")]
	}
	c := &call{w: w, r: r, requestID: r.Header.Get("X-Request-Id"), roles: roles, now: time.Now()}
	if c.requestID == "" {
		c.requestID = newID()
	}
	if parts[0] != "v1" || roles == nil {
		s.refuse(c, refusal{code: "no_such_route"})
		return
	}
	if len(parts) > 2 {
		c.id = parts[2]
	}
	if len(parts) > 3 {
		c.action = strings.ReplaceAll(parts[3], "-", "_")
	}
	token, err := s.auth.check(r.Header.Get("Authorization"))
	if err != nil {
		w.Header().Set("WWW-Authenticate", err.Error())
		s.refuse(c, refusal{code: map[bool]string{true: "unauthorized", false: "invalid_token"}[r.Header.Get("Authorization") == ""]})
		return
	}
	c.token = token
	if !overlap(token.Roles, roles) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="whistled", error="insufficient_scope"`)
		s.refuse(c, refusal{code: "insufficient_role"})
		return
	}
	handler(c)
}

// A transaction whose refusals roll back; what fn returns besides an error is the client's refusal.
func (s *server) write(c *call, fn func(ctx context.Context, tx pgx.Tx) error) {
	ctx := c.r.Context()
	tx, err := s.pool.Begin(ctx)
	if err == nil {
		err = fn(ctx, tx)
		if err == nil {
			err = tx.Commit(ctx)
		} else {
			_ = tx.Rollback(ctx)
		}
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	c.send()
}

func main() {
	s := &server{pool: openPool(), sql: readStatements(env("BENCH_SQL"))}
	s.dict = loadDictionary(s.pool, s.sql)
	s.auth = newAuth(s.dict.cursorKey)
	web := &http.Server{Addr: "127.0.0.1:" + env("BENCH_PORT"), Handler: http.HandlerFunc(s.route)}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		_ = web.Shutdown(context.Background())
	}()
	if err := web.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}
