-- Two jobs of the fleet have new names. An instance of a release before 0017 numbers events in the outbox, where the webhooks and
-- streams of this release do not find them, or reads there what this release has moved to the feed: either passes over messages
-- for good. So nobody takes or renews the old names any more, and who had them has lost them; what has no position waits for
-- an instance of this release.
INSERT INTO job_leases (name, holder, epoch, until) VALUES ('drain', '', 0, 'infinity'), ('webhooks', '', 0, 'infinity')
ON CONFLICT (name) DO UPDATE SET holder = '', epoch = job_leases.epoch + 1, until = 'infinity';

-- Of few cases, asked for whenever something goes up in another and whenever a stranger reads.
CREATE INDEX cases_merged ON cases (tenant, merged_into) WHERE merged_into IS NOT NULL;
