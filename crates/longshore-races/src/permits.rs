//! The permit pool of `longshore-docker`, with a view inside.
//!
//! Holds what `build.rs` made of its source. Never decides anything itself.

include!(concat!(env!("OUT_DIR"), "/permits.rs"));

impl Launches {
    /// A pool that has adapted to so many already, and knows the engine at its best.
    pub fn adapted_to(limit: u32) -> Self {
        let granted = limit as usize;
        Self {
            semaphore: Arc::new(Semaphore::new(granted)),
            state: Mutex::new(State {
                limit: f64::from(limit),
                granted,
                best: Some(Duration::from_millis(300)),
            }),
        }
    }

    /// How many there are by its own word, those in use included.
    pub fn granted(&self) -> usize {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .granted
    }

    /// How many nobody has.
    pub fn available(&self) -> usize {
        self.semaphore.available_permits()
    }
}
