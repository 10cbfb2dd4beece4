package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"
)

// A body's schema: the part of JSON Schema that the contract uses.
type schema struct {
	Type       any                `json:"type"`
	Required   []string           `json:"required"`
	Properties map[string]*schema `json:"properties"`
	Enum       []any              `json:"enum"`
	MinLength  *int               `json:"minLength"`
	MaxLength  *int               `json:"maxLength"`
	Minimum    *float64           `json:"minimum"`
	Maximum    *float64           `json:"maximum"`
	Items      *schema            `json:"items"`
	MinItems   *int               `json:"minItems"`
	MaxItems   *int               `json:"maxItems"`
	Pattern    string             `json:"pattern"`
	Format     string             `json:"format"`
	pattern    *regexp.Regexp
}

type fault struct{ Pointer, Code string }

type object = map[string]any

func (s *server) faultsIn(lang string, faults []fault) []map[string]string {
	found := []map[string]string{}
	for _, f := range faults {
		found = append(found, map[string]string{"pointer": f.Pointer, "code": f.Code, "detail": s.dict.Errors[f.Code].detail(lang)})
	}
	return found
}

func (f *schema) check(value any, pointer string, faults *[]fault) {
	wrong := func(code string) { *faults = append(*faults, fault{pointer, code}) }
	if !f.typeFits(value) {
		wrong("wrong_type")
		return
	}
	if f.Enum != nil && !f.listed(value) {
		wrong("not_in_enum")
		return
	}
	switch v := value.(type) {
	case string:
		f.checkText(v, wrong)
	case float64:
		if f.Minimum != nil && v < *f.Minimum {
			wrong("too_small")
		} else if f.Maximum != nil && v > *f.Maximum {
			wrong("too_large")
		}
	case []any:
		if f.MinItems != nil && len(v) < *f.MinItems {
			wrong("too_few_items")
		} else if f.MaxItems != nil && len(v) > *f.MaxItems {
			wrong("too_many_items")
		}
		for i, item := range v {
			f.Items.check(item, fmt.Sprintf("%s/%d", pointer, i), faults)
		}
	case object:
		f.checkObject(v, pointer, faults)
	}
}

func (f *schema) checkObject(value object, pointer string, faults *[]fault) {
	for _, name := range f.Required {
		if _, there := value[name]; !there {
			*faults = append(*faults, fault{pointer + "/" + name, "required"})
		}
	}
	names := make([]string, 0, len(value))
	for name := range value {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if inner := f.Properties[name]; inner != nil {
			inner.check(value[name], pointer+"/"+name, faults)
		} else if f.Properties != nil {
			*faults = append(*faults, fault{pointer + "/" + name, "unknown_field"})
		}
	}
}

func (f *schema) checkText(text string, wrong func(string)) {
	size := utf8.RuneCountInString(text)
	if f.Pattern != "" && f.pattern == nil {
		f.pattern = regexp.MustCompile(f.Pattern) // the same whoever sets it first
	}
	switch {
	case f.MinLength != nil && size < *f.MinLength:
		wrong("too_short")
	case f.MaxLength != nil && size > *f.MaxLength:
		wrong("too_long")
	case f.pattern != nil && !f.pattern.MatchString(text):
		wrong("pattern_mismatch")
	case f.Format == "uuid" && !isUUID(strings.ToLower(text)):
		wrong("bad_format")
	}
}

func (f *schema) typeFits(value any) bool {
	types, several := f.Type.([]any)
	if !several {
		types = []any{f.Type}
	}
	for _, t := range types {
		switch v := value.(type) {
		case nil:
			if t == "null" {
				return true
			}
		case string:
			if t == "string" {
				return true
			}
		case bool:
			if t == "boolean" {
				return true
			}
		case float64:
			if t == "number" || t == "integer" && v == math.Trunc(v) {
				return true
			}
		case []any:
			if t == "array" {
				return true
			}
		case object:
			if t == "object" {
				return true
			}
		}
	}
	return f.Type == nil
}

func (f *schema) listed(value any) bool {
	for _, one := range f.Enum {
		if one == value {
			return true
		}
	}
	return false
}

// The body, checked; the client's refusal otherwise.
func (s *server) readBody(c *call, operation string) (object, error) {
	raw, err := io.ReadAll(io.LimitReader(c.r.Body, 65537))
	if err != nil {
		return nil, err
	}
	if len(raw) > 65536 {
		return nil, refused("body_too_large")
	}
	if !strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/json") {
		return nil, refused("unsupported_media_type")
	}
	c.raw = raw
	var body any
	if json.Unmarshal(raw, &body) != nil {
		return nil, refused("malformed_json")
	}
	var faults []fault
	s.dict.Bodies[operation].check(body, "", &faults)
	if faults != nil {
		return nil, refusal{code: "invalid_body", faults: faults}
	}
	return body.(object), nil
}

func text(body object, name string) *string {
	if value, is := body[name].(string); is {
		return &value
	}
	return nil
}

func flag(body object, name string) *bool {
	if value, is := body[name].(bool); is {
		return &value
	}
	return nil
}

// A point in WGS 84; the shifted systems of the map services are not in the benchmark.
func pointOf(body object, name string) (lon, lat, accuracy *float64, err error) {
	p, there := body[name].(object)
	if !there {
		return nil, nil, nil, nil
	}
	if system, given := p["coord_sys"]; given && system != "wgs84" {
		return nil, nil, nil, notMeasured
	}
	x, y := p["lon"].(float64), p["lat"].(float64)
	if a, given := p["accuracy"].(float64); given {
		accuracy = &a
	}
	return &x, &y, accuracy, nil
}
