-- The key that seals cursors, the same in every instance.
SELECT s.value FROM secrets s WHERE s.name = 'cursor';
