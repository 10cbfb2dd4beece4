-- Webhooks: who is told of what and where, the messages made from the feed, every try to deliver one.

CREATE TABLE webhooks (
    tenant text NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    url text NOT NULL CHECK (length(url) BETWEEN 1 AND 500),
    event_types text[] NOT NULL CHECK (event_types <> '{}'),
    organisation_code text,
    description text,
    active boolean NOT NULL DEFAULT true,
    disabled_at timestamptz,
    disabled_reason text CHECK (disabled_reason IN ('gone', 'exhausted', 'backlog')),
    retired_at timestamptz,
    from_position bigint NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    paused_until timestamptz,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, organisation_code) REFERENCES organisations (tenant, code),
    FOREIGN KEY (tenant, created_by) REFERENCES people (tenant, id),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    CHECK (NOT active OR disabled_at IS NULL AND retired_at IS NULL)
);
SELECT spread('webhooks');
CREATE INDEX webhooks_organisation ON webhooks (tenant, organisation_code);
COMMENT ON TABLE webhooks IS 'Addresses that are told what happens; by Standard Webhooks';
COMMENT ON COLUMN webhooks.tenant IS 'Street';
COMMENT ON COLUMN webhooks.id IS 'UUIDv7';
COMMENT ON COLUMN webhooks.version IS 'Counts changes made by people, and disabling';
COMMENT ON COLUMN webhooks.url IS 'Where messages are posted to';
COMMENT ON COLUMN webhooks.event_types IS 'Which: types, case.*, ticket.* or *';
COMMENT ON COLUMN webhooks.organisation_code IS 'Whose tickets, and cases while it has one of them; NULL: the whole street';
COMMENT ON COLUMN webhooks.description IS 'What it is for';
COMMENT ON COLUMN webhooks.active IS 'False: nothing is made or sent but pings';
COMMENT ON COLUMN webhooks.disabled_at IS 'When the service switched it off';
COMMENT ON COLUMN webhooks.disabled_reason IS 'Dictionary webhook_disabled_reason';
COMMENT ON COLUMN webhooks.retired_at IS 'When it ended; it never comes back';
COMMENT ON COLUMN webhooks.from_position IS 'It hears of what stands behind this position of the feed';
COMMENT ON COLUMN webhooks.failures IS 'Failed tries since the last success, of whatever message';
COMMENT ON COLUMN webhooks.last_success_at IS 'When a message last arrived';
COMMENT ON COLUMN webhooks.last_failure_at IS 'When a try last failed';
COMMENT ON COLUMN webhooks.paused_until IS 'The receiver asked to be left alone until then';
COMMENT ON COLUMN webhooks.created_by IS 'Who';
COMMENT ON COLUMN webhooks.created_at IS 'When';
COMMENT ON COLUMN webhooks.updated_at IS 'Last change';

-- Apart from the webhook, so that nothing that shows one can show its secret by mistake.
CREATE TABLE webhook_secrets (
    tenant text NOT NULL,
    webhook_id uuid NOT NULL,
    n integer NOT NULL,
    secret text NOT NULL CHECK (secret ~ '^whsec_[A-Za-z0-9+/]{43}=$'),
    made_at timestamptz NOT NULL,
    valid_until timestamptz,
    PRIMARY KEY (tenant, webhook_id, n),
    FOREIGN KEY (tenant, webhook_id) REFERENCES webhooks (tenant, id)
);
SELECT spread('webhook_secrets');
COMMENT ON TABLE webhook_secrets IS 'What messages are signed with; in the clear, for a signature cannot be made from a hash';
COMMENT ON COLUMN webhook_secrets.tenant IS 'Street';
COMMENT ON COLUMN webhook_secrets.webhook_id IS 'Webhook';
COMMENT ON COLUMN webhook_secrets.n IS 'Counts rotations';
COMMENT ON COLUMN webhook_secrets.secret IS 'whsec_ and 32 random bytes in base64; told once';
COMMENT ON COLUMN webhook_secrets.made_at IS 'When';
COMMENT ON COLUMN webhook_secrets.valid_until IS 'An old one also signs until then; NULL: the present one';

CREATE TABLE webhook_messages (
    tenant text NOT NULL,
    id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    type text NOT NULL,
    lane uuid NOT NULL,
    position bigint NOT NULL,
    case_id uuid,
    event_seq integer,
    ticket_id uuid,
    body text NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed', 'cancelled')),
    head boolean NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    first_tried_at timestamptz,
    not_before timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, webhook_id) REFERENCES webhooks (tenant, id),
    CHECK ((state = 'pending') = (ended_at IS NULL)),
    CHECK (NOT head OR state = 'pending')
);
SELECT spread('webhook_messages');
-- The second line behind the feed's positions: one event, one message for one webhook.
CREATE UNIQUE INDEX webhook_messages_event ON webhook_messages (tenant, webhook_id, case_id, event_seq);
CREATE INDEX webhook_messages_newest ON webhook_messages (tenant, webhook_id, id);
CREATE INDEX webhook_messages_due ON webhook_messages (tenant, webhook_id, not_before) WHERE head;
CREATE INDEX webhook_messages_pings ON webhook_messages (tenant, webhook_id) WHERE head AND type = 'webhook.ping';
CREATE INDEX webhook_messages_lane ON webhook_messages (tenant, webhook_id, lane, position) WHERE state = 'pending';
CREATE INDEX webhook_messages_ended ON webhook_messages (ended_at) WHERE ended_at IS NOT NULL;
COMMENT ON TABLE webhook_messages IS 'One event for one webhook; kept for some days after its end';
COMMENT ON COLUMN webhook_messages.tenant IS 'Street';
COMMENT ON COLUMN webhook_messages.id IS 'UUIDv7: the header webhook-id of every try';
COMMENT ON COLUMN webhook_messages.webhook_id IS 'Webhook';
COMMENT ON COLUMN webhook_messages.type IS 'Type of the event, or webhook.ping';
COMMENT ON COLUMN webhook_messages.lane IS 'What keeps its order: the ticket, else the case, else itself';
COMMENT ON COLUMN webhook_messages.position IS 'Order within the lane: position in the feed';
COMMENT ON COLUMN webhook_messages.case_id IS 'Case of the event';
COMMENT ON COLUMN webhook_messages.event_seq IS 'Its number within the case';
COMMENT ON COLUMN webhook_messages.ticket_id IS 'Ticket of the event';
COMMENT ON COLUMN webhook_messages.body IS 'The bytes that are signed and sent, the same in every try';
COMMENT ON COLUMN webhook_messages.state IS 'Dictionary webhook_delivery_state';
COMMENT ON COLUMN webhook_messages.head IS 'First of its lane: those behind it wait for its end';
COMMENT ON COLUMN webhook_messages.tries IS 'Failed tries in this run of the schedule; a redelivery starts it anew';
COMMENT ON COLUMN webhook_messages.attempts IS 'All tries';
COMMENT ON COLUMN webhook_messages.created_at IS 'When it was made, by the server''s clock';
COMMENT ON COLUMN webhook_messages.first_tried_at IS 'First try of this run';
COMMENT ON COLUMN webhook_messages.not_before IS 'When it is due, once it is the head';
COMMENT ON COLUMN webhook_messages.ended_at IS 'When it was delivered, given up or cancelled';

CREATE TABLE webhook_attempts (
    tenant text NOT NULL,
    message_id uuid NOT NULL,
    n integer NOT NULL,
    at timestamptz NOT NULL,
    status integer,
    error text,
    duration_ms integer NOT NULL,
    PRIMARY KEY (tenant, message_id, n),
    FOREIGN KEY (tenant, message_id) REFERENCES webhook_messages (tenant, id)
);
SELECT spread('webhook_attempts');
COMMENT ON TABLE webhook_attempts IS 'Every try to deliver a message. Of what the receiver answered only the status is kept';
COMMENT ON COLUMN webhook_attempts.tenant IS 'Street';
COMMENT ON COLUMN webhook_attempts.message_id IS 'Message';
COMMENT ON COLUMN webhook_attempts.n IS 'Counts tries';
COMMENT ON COLUMN webhook_attempts.at IS 'When it began';
COMMENT ON COLUMN webhook_attempts.status IS 'HTTP status; NULL: none came';
COMMENT ON COLUMN webhook_attempts.error IS 'Dictionary webhook_error; NULL: delivered';
COMMENT ON COLUMN webhook_attempts.duration_ms IS 'How long it took';

CREATE TABLE webhook_tickets (
    tenant text NOT NULL,
    ticket_id uuid NOT NULL,
    case_id uuid NOT NULL,
    organisation text NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    failed_at timestamptz,
    delivered_at timestamptz,
    pulled_at timestamptz,
    PRIMARY KEY (tenant, ticket_id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('webhook_tickets');
COMMENT ON TABLE webhook_tickets IS 'Tickets on their way to a department that has a webhook of its own; a row goes once the ticket was seen';
COMMENT ON COLUMN webhook_tickets.tenant IS 'Street';
COMMENT ON COLUMN webhook_tickets.ticket_id IS 'Ticket';
COMMENT ON COLUMN webhook_tickets.case_id IS 'Its case';
COMMENT ON COLUMN webhook_tickets.organisation IS 'Whom it is for';
COMMENT ON COLUMN webhook_tickets.tries IS 'Failed tries of the message that says it was issued';
COMMENT ON COLUMN webhook_tickets.failed_at IS 'When the ticket went to send_failed';
COMMENT ON COLUMN webhook_tickets.delivered_at IS 'When that message arrived';
COMMENT ON COLUMN webhook_tickets.pulled_at IS 'When the department first read the ticket';

CREATE TABLE webhook_progress (
    tenant text PRIMARY KEY,
    position bigint NOT NULL
);
SELECT spread('webhook_progress');
COMMENT ON TABLE webhook_progress IS 'How far messages have been made from each street''s feed';
COMMENT ON COLUMN webhook_progress.tenant IS 'Street';
COMMENT ON COLUMN webhook_progress.position IS 'Everything up to here has its messages';

CREATE TABLE webhook_events (
    tenant text NOT NULL,
    webhook_id uuid NOT NULL,
    seq integer NOT NULL,
    action text NOT NULL CHECK (action IN ('create', 'edit', 'rotate_secret', 'retire', 'ping', 'redeliver', 'disable')),
    at timestamptz NOT NULL,
    person_id uuid,
    data jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, webhook_id, seq),
    FOREIGN KEY (tenant, webhook_id) REFERENCES webhooks (tenant, id),
    FOREIGN KEY (tenant, person_id) REFERENCES people (tenant, id)
);
SELECT spread('webhook_events');
COMMENT ON TABLE webhook_events IS 'What was done with a webhook; a row is never changed';
COMMENT ON COLUMN webhook_events.tenant IS 'Street';
COMMENT ON COLUMN webhook_events.webhook_id IS 'Webhook';
COMMENT ON COLUMN webhook_events.seq IS 'Counts within the webhook';
COMMENT ON COLUMN webhook_events.action IS 'Dictionary webhook_action';
COMMENT ON COLUMN webhook_events.at IS 'When';
COMMENT ON COLUMN webhook_events.person_id IS 'Who; NULL: the service';
COMMENT ON COLUMN webhook_events.data IS 'What was sent, or why';

INSERT INTO dictionary_entries (dictionary, code, ordinal, zh, en) VALUES
    ('webhook_delivery_state', 'pending', 10, '待送达', 'Pending'),
    ('webhook_delivery_state', 'delivered', 20, '已送达', 'Delivered'),
    ('webhook_delivery_state', 'failed', 30, '未送达', 'Given up'),
    ('webhook_delivery_state', 'cancelled', 40, '已取消', 'Cancelled'),
    ('webhook_disabled_reason', 'gone', 10, '接收方答复已撤销（410）', 'The receiver said 410 Gone'),
    ('webhook_disabled_reason', 'exhausted', 20, '多次重试均失败', 'All tries failed'),
    ('webhook_disabled_reason', 'backlog', 30, '积压过多', 'Too much was waiting'),
    ('webhook_error', 'status', 10, '接收方答复失败状态码', 'The receiver answered a failure'),
    ('webhook_error', 'redirect', 20, '接收方要求跳转，未跟随', 'A redirect, which is not followed'),
    ('webhook_error', 'timeout', 30, '超时', 'No answer in time'),
    ('webhook_error', 'dns', 40, '域名无法解析', 'The name is not known'),
    ('webhook_error', 'refused_address', 50, '地址不允许推送', 'The address may not be called'),
    ('webhook_error', 'connect', 60, '连接失败或中断', 'No connection, or it broke'),
    ('webhook_error', 'tls', 70, '证书或加密连接有误', 'Certificate or TLS is wrong'),
    ('webhook_error', 'protocol', 80, '答复不是合格的 HTTP', 'The answer is not HTTP'),
    ('webhook_error', 'internal', 90, '服务内部错误', 'A fault of ours'),
    ('webhook_action', 'create', 10, '新增', 'Create'),
    ('webhook_action', 'edit', 20, '修改', 'Change'),
    ('webhook_action', 'rotate_secret', 30, '更换密钥', 'Another secret'),
    ('webhook_action', 'retire', 40, '停用', 'Retire'),
    ('webhook_action', 'ping', 50, '测试', 'Ping'),
    ('webhook_action', 'redeliver', 60, '重新推送', 'Deliver again'),
    ('webhook_action', 'disable', 70, '自动关闭', 'Switched off by the service'),
    ('webhook_event_type', 'case.created', 10, '案件：上报', 'Case: reported'),
    ('webhook_event_type', 'case.edited', 20, '案件：更正', 'Case: corrected'),
    ('webhook_event_type', 'case.accepted', 30, '案件：受理', 'Case: accepted'),
    ('webhook_event_type', 'case.rejected', 40, '案件：不予受理', 'Case: rejected'),
    ('webhook_event_type', 'case.objected', 50, '案件：提出异议', 'Case: objected'),
    ('webhook_event_type', 'case.withdrawn', 60, '案件：撤回', 'Case: withdrawn'),
    ('webhook_event_type', 'case.merged', 70, '案件：并案', 'Case: merged'),
    ('webhook_event_type', 'case.verification_asked', 80, '案件：派员核实', 'Case: verification asked for'),
    ('webhook_event_type', 'case.verification_reported', 90, '案件：反馈核实结果', 'Case: verification reported'),
    ('webhook_event_type', 'case.registered', 100, '案件：立案', 'Case: registered'),
    ('webhook_event_type', 'case.reclassed', 110, '案件：调整等级', 'Case: given another level'),
    ('webhook_event_type', 'case.source_started', 120, '案件：开始源头处理', 'Case: started at the source'),
    ('webhook_event_type', 'case.reassigned', 130, '案件：改派', 'Case: reassigned'),
    ('webhook_event_type', 'case.arrived', 140, '案件：到场', 'Case: somebody arrived'),
    ('webhook_event_type', 'case.source_done', 150, '案件：源头办结', 'Case: done at the source'),
    ('webhook_event_type', 'case.whistled', 160, '案件：吹哨', 'Case: whistled'),
    ('webhook_event_type', 'case.first_signed', 170, '案件：首次签收', 'Case: first signature'),
    ('webhook_event_type', 'case.retaken', 180, '案件：收回办理', 'Case: retaken'),
    ('webhook_event_type', 'case.planned', 190, '案件：提交方案', 'Case: plan submitted'),
    ('webhook_event_type', 'case.step_done', 200, '案件：完成步骤', 'Case: step done'),
    ('webhook_event_type', 'case.step_waived', 210, '案件：免除步骤', 'Case: step waived'),
    ('webhook_event_type', 'case.feedback_given', 220, '案件：办结反馈', 'Case: feedback given'),
    ('webhook_event_type', 'case.check_sampled_out', 230, '案件：抽查免核', 'Case: not drawn for a check'),
    ('webhook_event_type', 'case.check_passed', 240, '案件：核查通过', 'Case: check passed'),
    ('webhook_event_type', 'case.check_failed', 250, '案件：核查未通过', 'Case: check failed'),
    ('webhook_event_type', 'case.called_back', 260, '案件：回访', 'Case: called back'),
    ('webhook_event_type', 'case.rated', 270, '案件：补充评价', 'Case: rated later'),
    ('webhook_event_type', 'case.closed', 280, '案件：结案', 'Case: closed'),
    ('webhook_event_type', 'case.reopened', 290, '案件：重新办理', 'Case: reopened'),
    ('webhook_event_type', 'case.suspended', 300, '案件：挂账', 'Case: suspended'),
    ('webhook_event_type', 'case.resumed', 310, '案件：恢复办理', 'Case: resumed'),
    ('webhook_event_type', 'case.voided', 320, '案件：作废', 'Case: voided'),
    ('webhook_event_type', 'case.commented', 330, '案件：留言', 'Case: commented'),
    ('webhook_event_type', 'case.urged', 340, '案件：催办', 'Case: urged'),
    ('webhook_event_type', 'case.supervised', 350, '案件：督办', 'Case: supervised'),
    ('webhook_event_type', 'case.supervision_replied', 360, '案件：督办回复', 'Case: supervision replied to'),
    ('webhook_event_type', 'case.requested', 370, '案件：提出申请', 'Case: request made'),
    ('webhook_event_type', 'case.request_approved', 380, '案件：申请获批', 'Case: request approved'),
    ('webhook_event_type', 'case.request_declined', 390, '案件：申请未获批', 'Case: request declined'),
    ('webhook_event_type', 'case.request_withdrawn', 400, '案件：申请撤回', 'Case: request withdrawn'),
    ('webhook_event_type', 'case.request_expired', 410, '案件：申请失效', 'Case: request expired'),
    ('webhook_event_type', 'ticket.issued', 510, '哨单：派发', 'Ticket: issued'),
    ('webhook_event_type', 'ticket.send_failed', 520, '哨单：送达失败', 'Ticket: delivery failed'),
    ('webhook_event_type', 'ticket.delivered', 530, '哨单：已送达', 'Ticket: delivered after all'),
    ('webhook_event_type', 'ticket.signed', 540, '哨单：签收', 'Ticket: signed'),
    ('webhook_event_type', 'ticket.contacted', 550, '哨单：联系群众', 'Ticket: reporter contacted'),
    ('webhook_event_type', 'ticket.reported_in', 560, '哨单：报到', 'Ticket: reported in'),
    ('webhook_event_type', 'ticket.started', 570, '哨单：开始办理', 'Ticket: started'),
    ('webhook_event_type', 'ticket.submitted', 580, '哨单：提交结果', 'Ticket: submitted'),
    ('webhook_event_type', 'ticket.closed', 590, '哨单：办结', 'Ticket: closed'),
    ('webhook_event_type', 'ticket.reworked', 600, '哨单：退回重办', 'Ticket: sent back'),
    ('webhook_event_type', 'ticket.reopened', 610, '哨单：重新办理', 'Ticket: reopened'),
    ('webhook_event_type', 'ticket.recalled', 620, '哨单：撤回', 'Ticket: recalled'),
    ('webhook_event_type', 'ticket.return_requested', 630, '哨单：申请退单', 'Ticket: return asked for'),
    ('webhook_event_type', 'ticket.kept', 640, '哨单：不予退单', 'Ticket: not returned'),
    ('webhook_event_type', 'ticket.returned', 650, '哨单：退单', 'Ticket: returned'),
    ('webhook_event_type', 'ticket.suspended', 660, '哨单：挂账', 'Ticket: suspended'),
    ('webhook_event_type', 'ticket.resumed', 670, '哨单：恢复办理', 'Ticket: resumed'),
    ('webhook_event_type', 'ticket.lead_replaced', 680, '哨单：转为协办', 'Ticket: no longer the lead'),
    ('webhook_event_type', 'ticket.promoted', 690, '哨单：转为主责', 'Ticket: made the lead'),
    ('webhook_event_type', 'ticket.supervised', 700, '哨单：督办', 'Ticket: supervised'),
    ('webhook_event_type', 'ticket.supervision_replied', 710, '哨单：督办回复', 'Ticket: supervision replied to'),
    ('webhook_event_type', 'ticket.requested', 720, '哨单：提出申请', 'Ticket: request made'),
    ('webhook_event_type', 'ticket.request_approved', 730, '哨单：申请获批', 'Ticket: request approved'),
    ('webhook_event_type', 'ticket.request_declined', 740, '哨单：申请未获批', 'Ticket: request declined'),
    ('webhook_event_type', 'ticket.request_withdrawn', 750, '哨单：申请撤回', 'Ticket: request withdrawn'),
    ('webhook_event_type', 'ticket.request_expired', 760, '哨单：申请失效', 'Ticket: request expired');
