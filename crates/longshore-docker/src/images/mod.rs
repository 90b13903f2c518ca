//! Images that containers need: there already, or pulled once for all who want them.
//!
//! Owns the pulls of one engine. A pull belongs to nobody who waits for it: when one of them is
//! cancelled the others go on, and when nobody waits any more it goes on too, because whoever
//! tries again will want it and the engine keeps no half-pulled layer. It ends with [`Images`].

mod credentials;
mod pull;
mod reference;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard::Docker;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{ExecutorError, Tell};
use longshore_core::spec::PullPolicy;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use credentials::{Credentials, Login, Password};
pub use reference::{NotAReference, Reference};

/// The images of one engine.
pub struct Images {
    shared: Arc<Shared>,
    /// Aborted when this is dropped. Holds at most one task for each image that is being pulled,
    /// and those that have ended since the last pull began.
    tasks: Mutex<JoinSet<()>>,
}

/// What the pulls share.
struct Shared {
    docker: Docker,
    credentials: Credentials,
    /// By the image's name as jobs write it.
    under_way: Mutex<HashMap<String, watch::Receiver<News>>>,
}

/// What is known of a pull.
#[derive(Clone)]
enum News {
    /// It goes on; this far.
    Progress(String),
    /// It was not needed: meanwhile the image had come.
    Found,
    /// The image was pulled.
    Pulled,
    /// It could not be.
    Failed(Arc<ExecutorError>),
}

impl Images {
    /// The images of this engine.
    pub fn new(docker: Docker, credentials: Credentials) -> Self {
        let shared = Shared {
            docker,
            credentials,
            under_way: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            tasks: Mutex::default(),
        }
    }

    /// Returns when the engine has the image, as `policy` wants it; says meanwhile how far it is.
    /// Cancellation-safe: the pull goes on for the others.
    pub async fn provide(
        &self,
        image: &str,
        policy: PullPolicy,
        tell: &Tell,
    ) -> Result<(), ExecutorError> {
        if let Err(error) = Reference::parse(image) {
            let attempted = format!("look for image {image}");
            return Err(ExecutorError::new(
                ErrorClass::Permanent,
                attempted,
                error.to_string(),
            ));
        }
        let always = match policy {
            PullPolicy::Always => true,
            PullPolicy::Missing | PullPolicy::Never => {
                if pull::is_there(&self.shared.docker, image).await? {
                    return Ok(());
                }
                false
            }
        };
        if policy == PullPolicy::Never {
            return Err(ExecutorError::new(
                ErrorClass::Permanent,
                format!("look for image {image}"),
                "this engine does not have it, and the job says never to pull: pull it there, or \
                 submit with pull `missing`",
            ));
        }
        // Twice at most: what was begun for `missing` may end without a pull, and then what begins
        // next is this one's own or another's that wants a pull too, or was found once more.
        loop {
            match follow(self.join(image, always), tell).await {
                News::Found if always => {}
                News::Found | News::Pulled => return Ok(()),
                News::Failed(error) => {
                    let ExecutorError {
                        attempted,
                        problem,
                        class,
                    } = &*error;
                    return Err(ExecutorError::new(*class, attempted, problem));
                }
                // Its task is gone without an end: the runtime shuts down, or it panicked.
                News::Progress(_) => {
                    return Err(ExecutorError::new(
                        ErrorClass::Transient,
                        format!("pull image {image}"),
                        "the pull was given up",
                    ));
                }
            }
        }
    }

    /// The pull of that image that is under way; begins one if there is none.
    fn join(&self, image: &str, always: bool) -> watch::Receiver<News> {
        let mut under_way = self.shared.under_way();
        if let Some(news) = under_way.get(image) {
            return news.clone();
        }
        let (sender, news) = watch::channel(News::Progress(format!("pulling image {image}")));
        under_way.insert(image.to_owned(), news.clone());
        let ticket = Ticket {
            shared: Arc::clone(&self.shared),
            image: image.to_owned(),
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let end = ticket.run(always, &sender).await;
            // First off the list, so that whoever comes now begins anew rather than take an end
            // that is older than its wish.
            drop(ticket);
            sender.send_replace(end);
        });
        news
    }
}

/// Follows a pull to its end; the last progress if it has none.
async fn follow(mut news: watch::Receiver<News>, tell: &Tell) -> News {
    loop {
        let seen = news.borrow_and_update().clone();
        match &seen {
            News::Progress(words) => tell(words.clone()),
            News::Found | News::Pulled | News::Failed(_) => return seen,
        }
        if news.changed().await.is_err() {
            return news.borrow().clone();
        }
    }
}

impl Shared {
    fn under_way(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<News>>> {
        // Nothing is done under this lock that could leave it half done.
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pull's place on the list; off it when dropped, by a panic or an abort too.
struct Ticket {
    shared: Arc<Shared>,
    image: String,
}

impl Ticket {
    async fn run(&self, always: bool, news: &watch::Sender<News>) -> News {
        let Shared {
            docker,
            credentials,
            ..
        } = &*self.shared;
        // Once more: another pull may have ended between this one's look and its beginning.
        if !always && matches!(pull::is_there(docker, &self.image).await, Ok(true)) {
            return News::Found;
        }
        let tell = |words| {
            news.send_replace(News::Progress(words));
        };
        match pull::pull(docker, credentials, &self.image, tell).await {
            Ok(()) => News::Pulled,
            Err(error) => News::Failed(Arc::new(error)),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.under_way().remove(&self.image);
    }
}
