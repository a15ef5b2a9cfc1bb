//! *Farsend Players* in Ardour: one instance opens a hub, and brings each player to a stereo output of their own, from where other
//! tracks have them.
//!
//! ```text
//!   ann ──┐                                    ┌─ output Player 1 ──▶ track Player 1
//!         ├──▶ farsend-engine ──▶ track Far 1 ─┼─ output Player 2 ──▶ track Player 2
//!   ben ──┘                  [Farsend Players] └─ its own: all
//! ```

use std::time::Duration;

use farsend_tests::lab::hub::wait_for_players;
use farsend_tests::lab::studio::Studio;
use farsend_tests::lab::wait::wait_until;
use farsend_tests::lab::{Need, on_a_private_machine, voices};
use serde_json::json;

/// Where the machine is too slow for Ardour's engine, it may be silent for seconds.
const LIMIT: Duration = Duration::from_secs(40);

const ANN: f32 = 0.5;
const BEN: f32 = 0.125;

#[test]
fn players_are_on_outputs_of_their_own_in_ardour_and_the_project_remembers_whose() {
    on_a_private_machine(&[Need::Ardour], |machine| {
        let studio = Studio::make_for_players(machine);
        let session = json!({"version": 1, "connected": true, "role": "hub", "queue": 16});
        assert_eq!(studio.want(&session), 1);
        let mut ardour = studio.open(machine);
        wait_for_players(machine, &[]);
        let _ann = voices::join(machine, "ann", ANN, 4471);
        wait_for_players(machine, &["ann"]);
        let _ben = voices::join(machine, "ben", BEN, 4472);
        ardour.wait_levels("each is on their own", LIMIT, |levels| {
            let heard = [("Far1", ANN + BEN), ("Player1", ANN), ("Player2", BEN)];
            heard.iter().all(|(track, level)| {
                let heard = levels.get(*track).copied().unwrap_or(f64::NAN);
                (heard - f64::from(20.0 * level.log10())).abs() < 1.0
            })
        });
        wait_until("the project says whose they are", LIMIT, || {
            ardour.order("save");
            studio.wanted()[0]["outputs"] == json!(["ann", "ben"])
        });
        ardour.close();
    });
}
