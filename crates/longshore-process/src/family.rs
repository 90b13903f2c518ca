//! Which processes are below which others, in a listing of `/proc`.

use std::collections::{HashMap, HashSet};

use crate::procfs::{Pid, ProcessStat};

/// The processes of a listing, by their parents.
pub struct Family {
    processes: HashMap<Pid, ProcessStat>,
    children: HashMap<Pid, Vec<Pid>>,
}

impl Family {
    /// Those of this listing.
    pub fn of(listed: &[ProcessStat]) -> Self {
        let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
        for process in listed {
            children
                .entry(process.parent)
                .or_default()
                .push(process.pid);
        }
        let by_pid = listed.iter().map(|process| (process.pid, *process));
        Self {
            processes: by_pid.collect(),
            children,
        }
    }

    /// One of them.
    pub fn get(&self, pid: Pid) -> Option<&ProcessStat> {
        self.processes.get(&pid)
    }

    /// All children, children's children and so on of `root`, without itself.
    pub fn below(&self, root: Pid) -> Vec<ProcessStat> {
        let mut seen = HashSet::from([root]);
        let mut found = Vec::new();
        let mut parents = vec![root];
        while let Some(parent) = parents.pop() {
            for child in self.children.get(&parent).into_iter().flatten() {
                // A snapshot that is not of one moment could in theory show a circle.
                if seen.insert(*child) {
                    found.extend(self.get(*child).copied());
                    parents.push(*child);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_at_every_depth_and_circles_end() {
        let process = |pid, parent| ProcessStat {
            pid,
            state: 'S',
            parent,
            group: 1,
            session: 1,
            own_ticks: 0,
            reaped_ticks: 0,
            start_time: 0,
            resident_pages: 0,
        };
        let family = Family::of(&[
            process(2, 1),
            process(3, 2),
            process(4, 3),
            process(9, 8),
            process(8, 9),
        ]);
        let mut found: Vec<_> = family.below(1).iter().map(|found| found.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [2, 3, 4]);
        assert_eq!(family.below(8).len(), 1);
    }
}
