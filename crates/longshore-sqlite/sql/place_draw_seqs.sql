-- Draws :count places for the ends of lines; answers with the last of them.
UPDATE counter SET ready_seq = ready_seq + :count RETURNING ready_seq
