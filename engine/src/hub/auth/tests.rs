//! A door with users, and those who come to it: our own clients, many at once, and others that are none.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_wire::jacktrip::{Hello, Name, Reply};

use super::{Auth, AuthSettings, make_certificate};
use crate::credentials::{Credentials, Password};
use crate::hub::door::{Answer, Door};
use crate::hub::tidings::Tidings;
use crate::net::tcp::{Entrance, LogInError, log_in};

/// By `openssl passwd -6 -salt abcdefgh secret`.
const HASH: &str = "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.";

/// A door that is attended by a thread, and gives its visitors' own ports.
struct House {
    _folder: tempfile::TempDir,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    /// How often somebody was put off.
    later: Arc<AtomicUsize>,
    thread: JoinHandle<Vec<Tidings>>,
}

impl House {
    /// The first so many questions are put off.
    fn open(put_off: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let settings = AuthSettings {
            certificate: path("cert"),
            key: path("key"),
            users: path("users"),
        };
        make_certificate(&settings.certificate, &settings.key).unwrap();
        std::fs::write(&settings.users, format!("ann:{HASH}:*\nnever:{HASH}:\n")).unwrap();
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&settings.users, mode).unwrap();
        let mut door = Door::open(0, Some(Auth::load(&settings).unwrap())).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, door.port()));
        let (stop, later) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (stopped, counted) = (stop.clone(), later.clone());
        let run = move || {
            let mut tidings = Vec::new();
            while !stopped.load(Relaxed) {
                door.attend(Duration::from_millis(5), &mut |_, hello, _| {
                    if hello.name.as_str() == "full" {
                        return Answer::Full;
                    }
                    if counted.fetch_add(1, Relaxed) < put_off {
                        return Answer::Later;
                    }
                    Answer::Port(hello.port)
                });
                tidings.extend(door.tidings());
            }
            tidings
        };
        Self {
            _folder: folder,
            address,
            stop,
            later,
            thread: std::thread::spawn(run),
        }
    }

    fn log_in(&self, user: &str, password: &str) -> Result<Entrance, LogInError> {
        log_in(self.address, &hello("alto"), Some(&ann(user, password)))
    }

    fn close(self) -> Vec<Tidings> {
        self.stop.store(true, Relaxed);
        self.thread.join().unwrap()
    }
}

fn hello(name: &str) -> Hello {
    let name = Name::new(name);
    Hello { port: 4321, name }
}

fn ann(user: &str, password: &str) -> Credentials {
    Credentials {
        user: user.to_owned(),
        password: Password::new(password.to_owned()),
        fingerprint: None,
    }
}

fn denied(result: Result<Entrance, LogInError>) -> Reply {
    match result {
        Err(LogInError::Denied { reply, .. }) => reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn users_come_in_with_their_password_at_their_time_and_others_do_not() {
    let house = House::open(3);
    let entrance = house.log_in("ann", "secret").unwrap();
    assert_eq!(entrance.port, 4321);
    assert!(house.later.load(Relaxed) > 3, "it was asked about again");
    assert_eq!(
        denied(house.log_in("ann", "Secret")),
        Reply::WrongCredentials
    );
    assert_eq!(
        denied(house.log_in("secret", "secret")),
        Reply::WrongCredentials
    );
    assert_eq!(
        denied(house.log_in("never", "secret")),
        Reply::NotAtThisTime
    );
    let without = log_in(house.address, &hello("alto"), None);
    assert_eq!(denied(without), Reply::AuthenticationRequired);
    let full = log_in(house.address, &hello("full"), Some(&ann("ann", "secret")));
    assert!(matches!(full, Err(LogInError::ShutOut { .. })), "{full:?}");

    let mut pinned = ann("ann", "secret");
    pinned.fingerprint = entrance.certificate;
    log_in(house.address, &hello("alto"), Some(&pinned)).unwrap();
    pinned.fingerprint = Some(crate::net::fingerprint::Fingerprint::of(b"another"));
    let other = log_in(house.address, &hello("alto"), Some(&pinned));
    assert!(
        matches!(other, Err(LogInError::OtherCertificate { .. })),
        "{other:?}"
    );

    let told = house.close();
    assert!(matches!(&told[0], Tidings::LoggedIn { user: Some(user), .. } if user == "ann"));
    assert!(matches!(&told[1], Tidings::Wrong { user: Some(user), .. } if user == "ann"));
    assert!(
        matches!(&told[2], Tidings::Wrong { user: None, .. }),
        "it may be a password"
    );
    assert!(matches!(&told[3], Tidings::NotNow { .. }));
    assert_eq!(told.len(), 5, "{told:?}");
}

#[test]
fn a_school_behind_one_address_logs_in_at_once_while_others_hold_the_door() {
    let house = House::open(0);
    let mut held = Vec::new();
    for count in 0..700_u32 {
        let mut stream = TcpStream::connect(house.address).unwrap();
        stream
            .write_all(&Reply::PleaseAuthenticate.to_bytes())
            .unwrap();
        match count % 3 {
            0 => {}
            1 => _ = stream.write_all(&[0x47; 3000]),
            _ => _ = stream.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
        }
        held.push(stream);
    }
    let address = house.address;
    let one = move || log_in(address, &hello("alto"), Some(&ann("ann", "secret")));
    let school: Vec<_> = (0..30).map(|_| std::thread::spawn(one)).collect();
    for pupil in school {
        let entrance = pupil.join().unwrap().unwrap();
        assert_eq!(entrance.port, 4321);
    }
    drop(held);
    assert_eq!(house.close().len(), 30);
}

#[test]
fn a_host_that_guesses_has_to_wait_for_each_guess_after_the_first_few() {
    let house = House::open(0);
    let begun = Instant::now();
    for _ in 0..21 {
        assert_eq!(
            denied(house.log_in("ann", "guess")),
            Reply::WrongCredentials
        );
    }
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(4900), "{waited:?}");
}

#[test]
fn tls_may_begin_together_with_the_first_word() {
    let house = House::open(0);
    let mut stream = TcpStream::connect(house.address).unwrap();
    // The head of a record that is no handshake: TLS answers with an alert, so it has seen it.
    let mut said = Reply::PleaseAuthenticate.to_bytes().to_vec();
    said.extend([0x17, 3, 3, 0, 1, 0]);
    stream.write_all(&said).unwrap();
    let mut answer = Vec::new();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    _ = stream.read_to_end(&mut answer);
    assert_eq!(answer[..4], Reply::PleaseAuthenticate.to_bytes());
    assert_eq!(answer.get(4), Some(&0x15), "an alert: {answer:?}");
}
