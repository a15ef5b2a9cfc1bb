//! A hub takes OSC as JackTrip's hubs do: what is asked is answered, what is set is kept, and noise disturbs nobody.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use farsend_tests::lab::hub::{member, start};
use farsend_tests::lab::{on_a_private_machine, wait_for};
use rosc::{OscMessage, OscPacket, OscType};

const LIMIT: Duration = Duration::from_secs(10);

/// Somebody who talks OSC to the hub of this machine.
struct Remote(UdpSocket);

impl Remote {
    fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
        socket
            .connect((Ipv4Addr::LOCALHOST, 4464))
            .expect("it is an address");
        socket.set_read_timeout(Some(LIMIT)).expect("it is no zero");
        Self(socket)
    }

    fn send(&self, address: &str, args: Vec<OscType>) {
        let addr = address.to_owned();
        let message = OscPacket::Message(OscMessage { addr, args });
        let bytes = rosc::encoder::encode(&message).expect("it can be written");
        self.0.send(&bytes).expect("the hub listens");
    }

    /// Asks for all latencies: names and milliseconds.
    fn latencies(&self) -> Vec<(String, f32)> {
        self.send("/get", vec!["latency".into()]);
        let mut bytes = [0; 2048];
        let count = self.0.recv(&mut bytes).expect("the hub answers");
        let packet = rosc::decoder::decode_udp(&bytes[..count]);
        let Ok((_, OscPacket::Bundle(bundle))) = packet else {
            panic!("{packet:?}");
        };
        let [OscPacket::Message(message)] = &bundle.content[..] else {
            panic!("{bundle:?}");
        };
        assert_eq!(message.addr, "/response/latency");
        let pair = |pair: &[OscType]| match pair {
            [OscType::String(name), OscType::Float(ms)] => (name.clone(), *ms),
            other => panic!("{other:?}"),
        };
        message.args.chunks(2).map(pair).collect()
    }

    /// Waits until all of these players are told, with latencies such as this.
    fn wait_for(&self, names: &[&str], is_so: impl Fn(f32) -> bool) {
        wait_for("all are told so", LIMIT, || {
            let told = self.latencies();
            let here = told.iter().map(|(name, _)| name.as_str());
            if here.eq(names.iter().copied()) && told.iter().all(|(_, ms)| is_so(*ms)) {
                Ok(())
            } else {
                Err(told)
            }
        });
    }
}

#[test]
fn latency_is_told_and_the_queue_is_changed_for_those_who_play_and_those_who_come() {
    on_a_private_machine(&[], |machine| {
        let mut hub = start(machine, &["--udp-port", "4500"]);
        assert_eq!(hub.events("started")[0]["osc_port"], 4464);
        let remote = Remote::new();
        assert_eq!(remote.latencies(), []);
        let _ann = member(machine, "ann", &[]);
        remote.wait_for(&["ann"], |ms| (0.0..1000.0).contains(&ms));

        let queue = |ms: f32| remote.send("/config", vec!["queueBuffer".into(), ms.into()]);
        queue(150.0);
        hub.wait_for_event("control", 1, LIMIT);
        remote.wait_for(&["ann"], |ms| ms > 100.0);
        let _ben = member(machine, "ben", &[]);
        remote.wait_for(&["ann", "ben"], |ms| ms > 100.0);

        for noise in [
            &[][..],
            &[0xff; 9000],
            b"#bundle",
            b"/get\0\0\0\0,b\0\0\x7f\xff\xff\xff",
        ] {
            remote.0.send(noise).expect("the hub listens");
        }
        queue(1e9);
        remote.send("/config", vec!["patch".into(), 4.0.into()]);
        hub.wait_for_event("osc_refused", 1, LIMIT);
        queue(0.0);
        hub.wait_for_event("control", 2, LIMIT);
        remote.wait_for(&["ann", "ben"], |ms| ms < 100.0);
        assert!(hub.running.is_running());
    });
}
