-- A visitor whom the window took off a case was noted as nobody, and with nobody in the list whoever was left was no reporter
-- any more.
UPDATE cases SET withdrawn = array_remove(withdrawn, NULL) WHERE array_position(withdrawn, NULL) IS NOT NULL;
