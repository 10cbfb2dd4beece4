-- The words of new cases wait in a list, which every search reads, and whoever adds the one too many puts all of them in: 4 MB were
-- those of three thousand cases, and held up a whole group of writes. 64 kB is the least that there is.
ALTER INDEX case_texts_grams SET (gin_pending_list_limit = 64);
