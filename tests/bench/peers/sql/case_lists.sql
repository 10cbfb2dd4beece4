-- $1 tenant, $2 case: what hangs on it. The row says whether there is any; what few cases have is then not looked for.
SELECT
    CASE WHEN k.attachments_hung = 0 THEN '[]' ELSE (SELECT coalesce(json_agg(json_build_object('id', a.id, 'content_type', a.content_type, 'size', a.size, 'stage', h.stage,
            'ticket_id', h.ticket_id, 'organisation', t.organisation) ORDER BY h.event_seq, a.id), '[]')
        FROM case_attachments h JOIN attachments a ON a.tenant = h.tenant AND a.id = h.attachment_id
        LEFT JOIN tickets t ON t.tenant = h.tenant AND t.id = h.ticket_id
        WHERE h.tenant = $1 AND h.case_id = $2::uuid) END AS attachments,
    CASE WHEN k.refs_known = 0 THEN '[]' ELSE (SELECT coalesce(json_agg(json_build_object('system', x.system, 'number', x.number,
            'due_at', to_char(x.due_at, 'YYYY-MM-DD"T"HH24:MI:SS.MSTZH:TZM')) ORDER BY x.system, x.number), '[]')
        FROM external_refs x WHERE x.tenant = $1 AND x.case_id = $2::uuid) END AS external_refs,
    CASE WHEN k.evaluating_at IS NULL THEN '[]' ELSE (SELECT coalesce(json_agg(json_build_object('round', r.round, 'reporter', r.reporter, 'person_id', r.person_id,
            'contacted', r.contacted, 'solved', r.solved, 'satisfied', r.satisfied, 'comment', r.comment,
            'rated_at', to_char(r.rated_at, 'YYYY-MM-DD"T"HH24:MI:SS.MSTZH:TZM')) ORDER BY r.rated_at, r.reporter), '[]')
        FROM ratings r WHERE r.tenant = $1 AND r.case_id = $2::uuid) END AS ratings,
    CASE WHEN k.tickets_issued = 0 THEN '[]' ELSE (SELECT coalesce(json_agg(json_build_object('id', t.id, 'n', t.n, 'role', t.role, 'organisation', t.organisation,
            'state', t.state, 'kind', t.kind, 'task', t.task, 'submitted_at', t.submitted_at, 'closed_round', t.closed_round, 'clock_next_at', t.clock_next_at,
            'sign_due_at', to_char(t.sign_due_at, 'YYYY-MM-DD"T"HH24:MI:SS.MSTZH:TZM'),
            'finish_due_at', to_char(t.finish_due_at, 'YYYY-MM-DD"T"HH24:MI:SS.MSTZH:TZM'),
            'overdue', coalesce(t.overdue_at < clock_timestamp(), false),
            'result', t.result, 'reply', t.reply) ORDER BY t.n), '[]')
        FROM tickets t WHERE t.tenant = $1 AND t.case_id = $2::uuid) END AS tickets,
    CASE WHEN k.requests_pending = 0 THEN '[]' ELSE (SELECT coalesce(json_agg(json_build_object('id', r.id, 'kind', r.kind, 'state', r.state, 'ticket_id', r.ticket_id,
            'asked_by', r.asked_by, 'asked_role', r.asked_role, 'reporter', r.reporter, 'joined', r.proposal -> 'joined',
            'asked_at', to_char(r.asked_at, 'YYYY-MM-DD"T"HH24:MI:SS.MSTZH:TZM'),
            'due_at', to_char(r.due_at, 'YYYY-MM-DD"T"HH24:MI:SS.MSTZH:TZM')) ORDER BY r.asked_at, r.id), '[]')
        FROM requests r WHERE r.tenant = $1 AND r.case_id = $2::uuid AND r.state = 'pending') END AS requests,
    (SELECT coalesce(json_agg(json_build_object('n', r.n, 'person_id', r.person_id, 'name', r.name, 'phone', r.phone,
            'anonymous', r.anonymous, 'private', r.private, 'contactable', r.contactable,
            'withdrawn', r.withdrawn_at IS NOT NULL) ORDER BY r.n), '[]')
        FROM case_reporters r WHERE r.tenant = $1 AND r.case_id = $2::uuid) AS reporters
FROM cases k WHERE k.tenant = $1 AND k.id = $2::uuid
