package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

const leeway = 30 * time.Second

type token struct {
	Issuer   string          `json:"iss"`
	Audience json.RawMessage `json:"aud"`
	Subject  string          `json:"sub"`
	Expires  int64           `json:"exp"`
	From     int64           `json:"nbf"`
	Tenant   string          `json:"tenant"`
	Roles    []string        `json:"roles"`
	Org      *string         `json:"org"`
	Areas    []string        `json:"areas"`
}

// Tokens are verified once and kept by their digest until they expire, as whistled does.
type auth struct {
	key, cursorKey   []byte
	issuer, audience string
	lock             sync.RWMutex
	verified         map[[32]byte]*token
}

func newAuth(cursorKey []byte) *auth {
	key, err := os.ReadFile(env("BENCH_KEY_FILE"))
	if err != nil {
		panic(err)
	}
	return &auth{key: key, cursorKey: cursorKey, issuer: env("BENCH_ISSUER"), audience: env("BENCH_AUDIENCE"), verified: map[[32]byte]*token{}}
}

var errInvalid = errors.New(`Bearer realm="whistled", error="invalid_token"`)

func (a *auth) check(header string) (*token, error) {
	if header == "" {
		return nil, errors.New(`Bearer realm="whistled"`)
	}
	text := strings.TrimPrefix(header, "Bearer ")
	digest := sha256.Sum256([]byte(text))
	a.lock.RLock()
	known := a.verified[digest]
	a.lock.RUnlock()
	if known == nil {
		known = a.verify(text)
		if known == nil {
			return nil, errInvalid
		}
		a.lock.Lock()
		a.verified[digest] = known
		a.lock.Unlock()
	}
	if time.Now().Add(-leeway).Unix() >= known.Expires {
		return nil, errInvalid
	}
	return known, nil
}

func (a *auth) verify(text string) *token {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil
	}
	mac := hmac.New(sha256.New, a.key)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || !hmac.Equal(signature, mac.Sum(nil)) {
		return nil
	}
	var head struct{ Alg, Kid string }
	var t token
	if !decodePart(parts[0], &head) || head.Alg != "HS256" || !decodePart(parts[1], &t) {
		return nil
	}
	var one string
	var many []string
	if json.Unmarshal(t.Audience, &one) == nil {
		many = []string{one}
	} else if json.Unmarshal(t.Audience, &many) != nil {
		return nil
	}
	if t.Issuer != a.issuer || !contains(many, a.audience) || t.Expires == 0 || time.Now().Add(leeway).Unix() < t.From {
		return nil
	}
	return &t
}

func decodePart(text string, into any) bool {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && json.Unmarshal(data, into) == nil
}

// The seal of a cursor: HMAC over operation, tenant, subject, the sum of the filters' digests, and the payload.
func (a *auth) seal(c *call, operation string, query url.Values, payload string) []byte {
	var sum [32]byte
	for name, values := range query {
		if name == "cursor" || name == "limit" || name == "count" || name == "updated_after" {
			continue
		}
		for _, value := range values {
			digest, carry := sha256.Sum256([]byte(name+"\x00"+value+"\x00")), 0
			for i := range sum {
				carry += int(sum[i]) + int(digest[i])
				sum[i] = byte(carry)
				carry >>= 8
			}
		}
	}
	mac := hmac.New(sha256.New, a.cursorKey)
	mac.Write([]byte(operation + "\x00" + c.token.Tenant + "\x00" + c.token.Subject + "\x00"))
	mac.Write(sum[:])
	mac.Write([]byte(payload))
	return mac.Sum(nil)[:16]
}

func (a *auth) sealCursor(c *call, operation string, query url.Values, payload string) string {
	return base64.RawURLEncoding.EncodeToString(append(a.seal(c, operation, query, payload), payload...))
}

func (a *auth) openCursor(c *call, operation string, query url.Values, cursor string) (string, bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(data) < 16 {
		return "", false
	}
	payload := string(data[16:])
	return payload, hmac.Equal(data[:16], a.seal(c, operation, query, payload))
}
