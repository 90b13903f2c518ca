-- Lets the rows of another database pass, until the end of this transaction.
UPDATE closed SET importing = 1
