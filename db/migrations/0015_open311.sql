-- Open311 GeoReport v2: which categories are offered to third parties, and what a report that came in so had beside its case.

-- Nothing is offered and nothing published until somebody says so, category by category.
ALTER TABLE categories
    ADD COLUMN open311 text NOT NULL DEFAULT 'none' CHECK (open311 IN ('none', 'batch', 'realtime')),
    ADD COLUMN open311_description boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN categories.open311 IS 'Dictionary open311_offer: whether third parties may report it and read its cases, and from when';
COMMENT ON COLUMN categories.open311_description IS 'The words of reports that came by Open311 are published, masked';

CREATE TABLE open311_requests (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    token text NOT NULL,
    described boolean NOT NULL,
    media_urls text[] NOT NULL DEFAULT '{}',
    address_id uuid,
    PRIMARY KEY (tenant, case_id),
    UNIQUE (tenant, token),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('open311_requests');
COMMENT ON TABLE open311_requests IS 'Cases that came in by Open311';
COMMENT ON COLUMN open311_requests.tenant IS 'Street';
COMMENT ON COLUMN open311_requests.case_id IS 'Case';
COMMENT ON COLUMN open311_requests.token IS 'Told instead of the number where the category is looked at first; random';
COMMENT ON COLUMN open311_requests.described IS 'False: nothing was said, the case has the category''s name for a description';
COMMENT ON COLUMN open311_requests.media_urls IS 'As sent; never fetched, and written under the description for whoever handles it';
COMMENT ON COLUMN open311_requests.address_id IS 'Place that was named';

CREATE TABLE open311_comments (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    update_id text NOT NULL,
    event_id uuid NOT NULL,
    PRIMARY KEY (tenant, case_id, update_id),
    FOREIGN KEY (tenant, case_id) REFERENCES open311_requests (tenant, case_id)
);
SELECT spread('open311_comments');
COMMENT ON TABLE open311_comments IS 'What clients added to their requests under ids of their own, so that a repeat has no second effect';
COMMENT ON COLUMN open311_comments.tenant IS 'Street';
COMMENT ON COLUMN open311_comments.case_id IS 'Case';
COMMENT ON COLUMN open311_comments.update_id IS 'Id with the client';
COMMENT ON COLUMN open311_comments.event_id IS 'The comment that it became';

INSERT INTO dictionary_entries (dictionary, code, ordinal, zh, en) VALUES
    ('open311_offer', 'none', 10, '不开放', 'Not offered'),
    ('open311_offer', 'batch', 20, '受理后公开', 'Offered; published once it was accepted'),
    ('open311_offer', 'realtime', 30, '立即公开', 'Offered; published at once');
