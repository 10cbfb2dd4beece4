    -- Whoever reported a case that was merged into this one reads there what they said themselves: the words of the first reporter are
    -- none of theirs.
    CASE WHEN (i.e).merged THEN ((i.e).own).title ELSE c.title END AS title,
    CASE WHEN (i.e).merged THEN ((i.e).own).description ELSE c.description END AS description,
    CASE WHEN (i.e).merged THEN ((i.e).own).point ELSE c.point END AS point,
    CASE WHEN (i.e).merged THEN ((i.e).own).address ELSE c.address END AS address,
    CASE WHEN (i.e).merged THEN ((i.e).own).answers ELSE c.answers END AS answers
