-- Steps under two filters at once, by the month and the year: beside all, areas, categories and organisations, sums for pairs
-- of them. By community, not by area: what many areas and many categories have in common is then a few hundred histograms.
-- A street that has figures already gets its pairs by `script/check-stats --rebuild`; until then they are read from the rows.

ALTER TABLE figure_steps DROP CONSTRAINT figure_steps_cut_check;
ALTER TABLE figure_steps ADD CONSTRAINT figure_steps_cut_check CHECK (cut IN ('all', 'area', 'category', 'organisation',
    'community_category', 'community_organisation', 'category_organisation'));
COMMENT ON COLUMN figure_steps.cut IS 'By what it is summed: nothing, area, category, organisation, or two of them.';
COMMENT ON COLUMN figure_steps.key IS 'Which of them, a pair with a slash between; empty for all, and for no area.';
COMMENT ON COLUMN figure_steps.grain IS 'As in figure_sums; by day for all only, pairs by month and year: of little there is little to sum in a day.';

ALTER TABLE figure_positions ADD COLUMN pairs_position bigint;
COMMENT ON COLUMN figure_positions.pairs_position IS
    'Up to where the pairs are counted; another position than the figures'' or none: a release before them has counted, they are not read.';

CREATE TABLE figure_communities (
    tenant text NOT NULL,
    area text NOT NULL,
    community text NOT NULL,
    PRIMARY KEY (tenant, area)
);
SELECT spread('figure_communities');
COMMENT ON TABLE figure_communities IS 'In which community the pairs count an area; the job follows where areas are moved.';
COMMENT ON COLUMN figure_communities.tenant IS 'The subdistrict.';
COMMENT ON COLUMN figure_communities.area IS 'Code of the area.';
COMMENT ON COLUMN figure_communities.community IS 'Code of its community; empty for the street itself.';
