//! The VST3 in DawDreamer, a host that renders offline and says nothing of it.

use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::vst3::{Wish, dawdreamer};
use farsend_tests::lab::{Need, on_a_private_machine};

const RATE: f64 = 22_050.0;

#[test]
fn a_render_in_dawdreamer_ends_leaves_the_session_alone_and_parameters_have_words() {
    on_a_private_machine(&[Need::Dawdreamer], |machine| {
        let options = ["-q", "8", "--rate", "22050", "--period", "256"];
        let mut peer = Farsend::start_looping(machine, &options);
        let wish = Wish {
            connect: "127.0.0.1:4464",
            queue: 8,
        };
        let before = peer.next_statistics().received;
        let report = dawdreamer(machine, wish, &["--seconds", "3", "--render", "120"]);
        println!("{report:#}");

        let texts = |name: &str| report["parameters"][name].clone();
        assert_eq!(
            texts("Mode"),
            serde_json::json!(["Send", "Return", "Send and return", "Send and return"])
        );
        assert_eq!(texts("Send gain")[3], "0.0");
        assert_eq!(texts("Dry")[0], "-inf");
        assert_eq!(report["latency"], 0);

        let number = |name: &str| report[name].as_f64().expect("the script says a number");
        assert!(number("before") > 0.1, "nothing came back in real time");
        assert!(
            number("render_s") < 30.0,
            "120 s took {} s",
            number("render_s")
        );
        assert!(number("rendered") <= 1.0);
        assert!(number("after") > 0.1, "nothing came back after the render");

        let is_alone = (0..5).any(|_| !peer.next_statistics().connected);
        assert!(is_alone, "nobody said goodbye");
        assert_eq!(
            peer.events("connected").len(),
            1,
            "one connection all along"
        );
        // Real time and some more: what is beyond is not sent.
        let frames = (peer.statistics().received - before) as f64 * 128.0;
        let most = (2.0 * 3.0 + number("render_s") + 4.0) * RATE;
        assert!(frames < most, "{frames} frames came");
    });
}
