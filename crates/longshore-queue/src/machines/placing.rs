//! Which host a job is to run on: a decision over what is known, without input or output.
//!
//! What it says may be out of date by the time it is acted on: the store's fence has the last
//! word, and whoever it refuses decides again.

use longshore_core::host::{Capacity, Demand, Lack, Used};

/// A host as far as placing is concerned.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Standing {
    /// What people call it.
    pub name: String,
    /// The most that runs on it.
    pub capacity: Capacity,
    /// What is taken of that, launches under way included.
    pub used: Used,
    /// Its share beside the others; none without need when it is not above zero.
    pub weight: i32,
    /// Why it gets no new jobs; none if it does.
    pub trouble: Option<String>,
}

/// Where a job goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Plan {
    /// To the host at this place in the list.
    On(usize),
    /// Nowhere until something ends: here is what people are told.
    Wait(String),
    /// To none of these hosts as they are now, for a reason that may pass.
    NoneUsable(String),
    /// To none of these hosts, ever: each is too small even when empty.
    TooSmall(String),
}

impl Standing {
    /// How many more jobs it takes at once.
    pub fn free_slots(&self) -> u32 {
        let free = |slots: u32| slots.saturating_sub(self.used.slots);
        match self.trouble {
            None => self.capacity.slots.map_or(u32::MAX, free),
            Some(_) => 0,
        }
    }

    fn lack(&self, demand: Demand) -> Option<Lack> {
        self.capacity.lack(self.used, demand)
    }

    fn too_small(&self, demand: Demand) -> Option<Lack> {
        self.capacity.too_small(demand)
    }

    /// How full it is with the job on it, from the bound that is nearest; without bounds, against
    /// `usual` jobs.
    fn load_with(&self, demand: Demand, usual: u32) -> f64 {
        let slots = self.capacity.slots.unwrap_or(usual).max(1);
        let share = |used: u64, more: u64, of: Option<u64>| match of {
            None | Some(0) => 0.0,
            Some(of) => ratio(used.saturating_add(more), of),
        };
        let jobs = share(self.used.slots.into(), 1, Some(slots.into()));
        let memory = share(
            self.used.memory_bytes,
            demand.memory_bytes,
            self.capacity.memory_bytes,
        );
        let cpus = share(
            self.used.millicpus,
            demand.millicpus,
            self.capacity.millicpus,
        );
        jobs.max(memory).max(cpus)
    }
}

/// Chooses: the host that is least full for its weight; among equals, the first.
pub(crate) fn place(hosts: &[Standing], demand: Demand, usual: u32) -> Plan {
    let usable = || {
        hosts
            .iter()
            .enumerate()
            .filter(|(_, h)| h.trouble.is_none())
    };
    let best = usable()
        .filter(|(_, host)| host.lack(demand).is_none())
        .map(|(at, host)| (at, burden(host, demand, usual)))
        .min_by(|(_, a), (_, b)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    if let Some((at, _)) = best {
        return Plan::On(at);
    }
    if usable().any(|(_, host)| host.too_small(demand).is_none()) {
        let lacks = usable().filter_map(|(_, host)| Some((&host.name, host.lack(demand)?)));
        let lacks = lacks.map(|(name, lack)| format!("host {name}: {lack}"));
        return Plan::Wait(joined(lacks));
    }
    let large = hosts.iter().filter(|host| host.too_small(demand).is_none());
    let troubles = large.filter_map(|host| Some((&host.name, host.trouble.as_ref()?)));
    let troubles: Vec<String> = troubles
        .map(|(name, trouble)| format!("host {name} {trouble}"))
        .collect();
    if !troubles.is_empty() || hosts.is_empty() {
        return Plan::NoneUsable(joined(troubles.into_iter()));
    }
    let lacks = hosts
        .iter()
        .filter_map(|host| Some(format!("host {}: {}", host.name, host.too_small(demand)?)));
    Plan::TooSmall(joined(lacks))
}

/// What a host weighs against others, the least first: those that are not wanted after all others.
fn burden(host: &Standing, demand: Demand, usual: u32) -> (bool, f64) {
    let load = host.load_with(demand, usual);
    if host.weight > 0 {
        (false, load / f64::from(host.weight))
    } else {
        (true, load)
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("; ")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "shares are compared, and one in 2^53 decides nothing"
)]
fn ratio(part: u64, of: u64) -> f64 {
    part as f64 / of as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Demand = Demand {
        memory_bytes: 0,
        millicpus: 0,
    };

    fn host(name: &str, slots: Option<u32>, used: u32, weight: i32) -> Standing {
        Standing {
            name: name.to_owned(),
            capacity: Capacity {
                slots,
                ..Capacity::default()
            },
            used: Used {
                slots: used,
                ..Used::default()
            },
            weight,
            trouble: None,
        }
    }

    fn gib(gib: u64) -> Demand {
        Demand {
            memory_bytes: gib << 30,
            millicpus: 0,
        }
    }

    fn with_memory(mut host: Standing, gib: u64, used: u64) -> Standing {
        host.capacity.memory_bytes = Some(gib << 30);
        host.used.memory_bytes = used << 30;
        host
    }

    fn troubled(mut host: Standing, trouble: &str) -> Standing {
        host.trouble = Some(trouble.to_owned());
        host
    }

    #[test]
    fn the_emptier_of_equals_is_chosen_and_the_first_when_both_are_empty() {
        let hosts = [host("a", Some(4), 2, 1), host("b", Some(4), 1, 1)];
        assert_eq!(place(&hosts, NOTHING, 5), Plan::On(1));
        let hosts = [host("a", Some(4), 0, 1), host("b", Some(4), 0, 1)];
        assert_eq!(place(&hosts, NOTHING, 5), Plan::On(0));
    }

    #[test]
    fn jobs_are_spread_in_proportion_to_weight() {
        let mut hosts = [host("light", None, 0, 1), host("heavy", None, 0, 3)];
        for _ in 0..40 {
            let Plan::On(at) = place(&hosts, NOTHING, 5) else {
                panic!("there is room without end");
            };
            hosts[at].used.slots += 1;
        }
        assert_eq!((hosts[0].used.slots, hosts[1].used.slots), (10, 30));
    }

    #[test]
    fn a_host_without_slots_is_waited_for() {
        let hosts = [host("a", Some(0), 0, 1)];
        assert!(matches!(place(&hosts, NOTHING, 5), Plan::Wait(_)));
    }

    #[test]
    fn a_host_of_weight_zero_gets_what_nobody_else_can_take() {
        let hosts = [host("spare", Some(4), 0, 0), host("a", Some(2), 1, 1)];
        assert_eq!(place(&hosts, NOTHING, 5), Plan::On(1));
        let hosts = [host("spare", Some(4), 0, 0), host("a", Some(2), 2, 1)];
        assert_eq!(place(&hosts, NOTHING, 5), Plan::On(0));
    }

    #[test]
    fn the_bound_that_is_nearest_says_how_full_a_host_is() {
        let hosts = [
            with_memory(host("a", Some(10), 1, 1), 8, 7),
            with_memory(host("b", Some(10), 5, 1), 8, 0),
        ];
        assert_eq!(place(&hosts, gib(1), 5), Plan::On(1));
    }

    #[test]
    fn a_job_that_fits_later_waits_and_is_told_for_what() {
        let hosts = [
            host("a", Some(2), 2, 1),
            with_memory(host("b", None, 1, 1), 4, 3),
        ];
        assert_eq!(
            place(&hosts, gib(2), 5),
            Plan::Wait(
                "host a: all 2 slots are taken; \
                 host b: 1 GiB of 4 GiB of memory are free and the job asks for 2 GiB"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_host_in_trouble_gets_nothing_and_is_named() {
        let hosts = [
            troubled(host("a", None, 0, 9), "is disabled"),
            host("b", None, 7, 1),
        ];
        assert_eq!(place(&hosts, NOTHING, 5), Plan::On(1));
        assert_eq!(
            place(&hosts[..1], NOTHING, 5),
            Plan::NoneUsable("host a is disabled".to_owned())
        );
        assert_eq!(hosts[0].free_slots(), 0);
    }

    #[test]
    fn too_small_for_ever_is_told_apart_from_a_large_host_that_is_away() {
        let small = with_memory(host("small", None, 0, 1), 2, 0);
        let large = with_memory(host("large", None, 0, 1), 64, 0);
        let away = troubled(large, "can't be reached");
        assert_eq!(
            place(&[small.clone(), away], gib(8), 5),
            Plan::NoneUsable("host large can't be reached".to_owned())
        );
        let Plan::TooSmall(why) = place(&[small], gib(8), 5) else {
            panic!("2 GiB are not 8");
        };
        assert!(why.starts_with("host small: 2 GiB of 2 GiB"), "{why}");
    }

    #[test]
    fn no_host_at_all_is_none_usable() {
        let plan = place(&[], NOTHING, 5);
        assert_eq!(plan, Plan::NoneUsable(String::new()));
    }
}
