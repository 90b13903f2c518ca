-- Statistics for the planner, where they are missing or out of date; each scan is bounded.
PRAGMA analysis_limit = 1000;
PRAGMA optimize;
