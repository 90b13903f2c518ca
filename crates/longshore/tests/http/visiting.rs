//! A browser as far as requests go: it keeps cookies, reads pages and sends forms.

use longshore_core::access::Role;
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};

use crate::scene::{Got, Scene};

pub fn html(got: &Got) -> &str {
    let kind = got.headers[CONTENT_TYPE].to_str().expect("text");
    assert_eq!(kind, "text/html; charset=utf-8");
    std::str::from_utf8(&got.body).expect("text")
}

/// The cookies that an answer sets, as a browser sends them back.
fn cookies(got: &Got) -> String {
    let set = got.headers.get_all(SET_COOKIE).iter();
    let pairs = set.map(|line| {
        let line = line.to_str().expect("text");
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(line.contains(attribute), "{line}");
        }
        line.split(';').next().expect("a pair").to_owned()
    });
    pairs.collect::<Vec<_>>().join("; ")
}

/// What the page's forms are sealed with.
pub fn seal(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"seal\" value=\"").expect("a form");
    rest.split('"').next().expect("a value").to_owned()
}

/// A browser: it keeps cookies, and sends forms.
pub struct Browser<'s> {
    scene: &'s Scene,
    pub cookies: String,
}

impl<'s> Browser<'s> {
    pub fn new(scene: &'s Scene) -> Self {
        Self {
            scene,
            cookies: String::new(),
        }
    }

    pub async fn get(&mut self, path: &str) -> Got {
        let request = self
            .scene
            .request(Method::GET, path)
            .header(COOKIE, &self.cookies);
        let got = self.scene.send(request).await;
        self.keep(&got);
        got
    }

    pub async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Got {
        let request = self
            .scene
            .request(Method::POST, path)
            .header(COOKIE, &self.cookies);
        let body = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)));
        let request = request
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.collect::<Vec<_>>().join("&"));
        let got = self.scene.send(request).await;
        self.keep(&got);
        got
    }

    fn keep(&mut self, got: &Got) {
        let new = cookies(got);
        let kept = self.cookies.split("; ").filter(|pair| !pair.is_empty());
        let is_replaced = |pair: &&str| {
            let name = pair.split('=').next().expect("a name");
            !new.split("; ")
                .any(|pair| pair.split('=').next() == Some(name))
        };
        let kept: Vec<&str> = kept.filter(is_replaced).chain(new.split("; ")).collect();
        kept.join("; ")
            .trim_matches([' ', ';'])
            .clone_into(&mut self.cookies);
    }
}

/// A browser that came by a token of this role.
pub async fn logged_in(scene: &Scene, role: Role) -> Browser<'_> {
    let mut browser = Browser::new(scene);
    let seal = seal(html(&browser.get("/login").await));
    let token = scene.token(role).await;
    let entered = browser
        .form(
            "/login",
            &[("seal", &seal), ("token", &token), ("next", "/jobs")],
        )
        .await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{entered:?}");
    assert_eq!(entered.headers[LOCATION], "/jobs");
    browser
}

/// A text as a form sends it.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let bytes = text.bytes().map(|byte| match byte {
        byte if is_plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    bytes.collect()
}
