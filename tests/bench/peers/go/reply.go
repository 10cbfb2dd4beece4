package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgconn"
)

// One request on its way.
type call struct {
	w                     http.ResponseWriter
	r                     *http.Request
	requestID, id, action string
	roles                 []string
	token                 *token
	now                   time.Time
	raw                   []byte // body as it came
	status                int
	reply                 any
	version               int64
	location, link        string
	replayed              bool
}

// Why the client does not get what it asked for.
type refusal struct {
	code    string
	pointer string
	detail  map[string]any
	faults  []fault // of a body
}

func (r refusal) Error() string { return r.code }

func refused(code string) error { return refusal{code: code} }

func at(code, pointer string) error { return refusal{code: code, pointer: pointer} }

var notMeasured = errors.New("not in the benchmark")

func (c *call) header(contentType string, size int) {
	h := c.w.Header()
	h["X-Request-Id"] = []string{c.requestID}
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(size)}
	h["Cache-Control"] = []string{"no-store"}
	h["Vary"] = []string{"Accept, Accept-Encoding, Accept-Language, Authorization, Origin"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
}

func encode(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		log.Fatal(err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

func (c *call) send() {
	body := encode(c.reply)
	c.header("application/json", len(body))
	h := c.w.Header()
	if c.version > 0 {
		h["Etag"] = []string{fmt.Sprintf(`"%d.%08x"`, c.version, crc32.ChecksumIEEE(body))}
	}
	if c.location != "" {
		h["Location"] = []string{c.location}
	}
	if c.link != "" {
		h["Link"] = []string{c.link}
	}
	if c.replayed {
		h["Idempotent-Replayed"] = []string{"true"}
	}
	c.w.WriteHeader(c.status)
	_, _ = c.w.Write(body)
}

func (s *server) refuse(c *call, r refusal) {
	entry := s.dict.Errors[r.code]
	lang := "zh"
	if strings.HasPrefix(c.r.Header.Get("Accept-Language"), "en") {
		lang = "en"
	}
	problem := map[string]any{"type": "/docs#errors-" + r.code, "title": entry.title(lang), "status": entry.Status,
		"detail": entry.detail(lang), "instance": c.requestID, "code": r.code}
	for name, value := range r.detail {
		problem[name] = value
	}
	if r.pointer != "" {
		problem["errors"] = []map[string]string{{"pointer": r.pointer, "code": r.code, "detail": entry.detail(lang)}}
	}
	if r.code == "invalid_body" {
		problem["errors"] = s.faultsIn(lang, r.faults)
	}
	body := encode(problem)
	c.header("application/problem+json", len(body))
	c.w.Header().Set("Content-Language", map[string]string{"zh": "zh-CN", "en": "en"}[lang])
	if entry.Status == 503 {
		c.w.Header().Set("Retry-After", "1")
	}
	c.w.WriteHeader(entry.Status)
	_, _ = c.w.Write(body)
}

func (s *server) fail(c *call, err error) {
	var r refusal
	var database *pgconn.PgError
	switch {
	case errors.As(err, &r):
		s.refuse(c, r)
	case errors.Is(err, notMeasured):
		http.Error(c.w, err.Error(), http.StatusNotImplemented)
	case errors.As(err, &database) && (database.Code == "40P01" || database.Code == "40001"):
		s.refuse(c, refusal{code: "unavailable"})
	default:
		log.Print(err)
		s.refuse(c, refusal{code: "internal"})
	}
}

// UUIDv7.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	ms := uint64(time.Now().UnixMilli())
	for i := 0; i < 6; i++ {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func contains(list []string, text string) bool {
	for _, one := range list {
		if one == text {
			return true
		}
	}
	return false
}

func overlap(a, b []string) bool {
	for _, one := range a {
		if contains(b, one) {
			return true
		}
	}
	return false
}

func is(a *string, b string) bool { return a != nil && *a == b }

func in(a *string, list []string) bool { return a != nil && contains(list, *a) }

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func earliest(times ...*time.Time) *time.Time {
	var first *time.Time
	for _, t := range times {
		if t != nil && (first == nil || t.Before(*first)) {
			first = t
		}
	}
	return first
}
