package main

import (
	"context"

	"github.com/jackc/pgx/v4"
)

// The person, the case and what hangs on it, in one round trip.
func (s *server) getCase(c *call) {
	ctx := c.r.Context()
	if !isUUID(c.id) {
		s.refuse(c, refusal{code: "not_found"})
		return
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		s.fail(c, err)
		return
	}
	me, row, lists, err := s.readAll(ctx, conn.Conn(), c)
	conn.Release()
	if err == nil && !s.seesCase(me, row) {
		err = refused("not_found")
	}
	if err == nil && (row.level == "major" || row.planRequest != nil) {
		err = notMeasured
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	c.replyCase(200, s.viewCase(me, row, lists, c.now))
	c.send()
}

func (s *server) readAll(ctx context.Context, conn *pgx.Conn, c *call) (*person, *caseRow, *caseLists, error) {
	sql, arguments := s.personQuery(c)
	batch := &pgx.Batch{}
	batch.Queue(sql, arguments...)
	batch.Queue(s.sql["case"], c.token.Tenant, c.id)
	batch.Queue(s.sql["case_lists"], c.token.Tenant, c.id)
	results := conn.SendBatch(ctx, batch)
	defer results.Close()
	me, err := s.readPerson(c, results.QueryRow())
	if err != nil {
		return nil, nil, nil, err
	}
	row, err := scanCase(results.QueryRow())
	if err != nil {
		return nil, nil, nil, err
	}
	lists, err := scanLists(results.QueryRow())
	return me, row, lists, err
}

func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range text {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}
