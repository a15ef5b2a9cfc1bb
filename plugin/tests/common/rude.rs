//! What a host of either format hears that does not keep to what was agreed.

/// What is in each channel of each port, all samples of which have to be alike.
pub(crate) fn levels(ports: &[Vec<Vec<f32>>]) -> Vec<Vec<f32>> {
    let level = |channel: &Vec<f32>| {
        let even = channel.iter().all(|sample| *sample == channel[0]);
        assert!(even, "{channel:?}");
        channel[0]
    };
    let levels = ports.iter().map(|port| port.iter().map(level).collect());
    levels.collect()
}

/// Ports other than the agreed two channels are heard as far as they go. `came` plays a short block of `input` with so many
/// channels in each port (`None`: one without memory), and gives the [`levels`].
pub(crate) fn assert_heard_as_far_as_they_go(
    input: f32,
    came: impl Fn(&[Option<usize>], &[Option<usize>]) -> Vec<Vec<f32>>,
) {
    let (on, off) = (input, 0.0);
    assert_eq!(came(&[Some(4)], &[Some(4)]), [[on, on, off, off]]);
    assert_eq!(came(&[Some(2)], &[Some(100)])[0][..3], [on, on, off]);
    assert_eq!(came(&[Some(100)], &[Some(2)]), [[on, on]]);
    assert_eq!(came(&[Some(1)], &[Some(2)]), [[on, off]]);
    for few in [&[Some(1)][..], &[Some(0)], &[None], &[]] {
        let silent: Vec<Vec<f32>> = few.iter().map(|n| vec![off; n.unwrap_or(0)]).collect();
        assert_eq!(came(&[Some(2)], few), silent, "{few:?}");
    }
    for few in [&[Some(0)][..], &[None], &[]] {
        assert_eq!(came(few, &[Some(2)]), [[off, off]], "{few:?}");
    }
    let more = came(&[Some(2), Some(2)], &[Some(2), None, Some(1)]);
    assert_eq!(more, [vec![on, on], vec![], vec![off]]);
    // And as agreed again.
    assert_eq!(came(&[Some(2)], &[Some(2)]), [[on, on]]);
}

/// The first output of the plugin that has eight more is heard, whatever the host has for those: `came` as above.
pub(crate) fn assert_further_outputs_may_be_missing(
    input: f32,
    came: impl Fn(&[Option<usize>], &[Option<usize>]) -> Vec<Vec<f32>>,
) {
    let (on, off) = (vec![input; 2], vec![0.0; 2]);
    let main = Some(2);
    let agreed = [main; 9];
    let mut heard = vec![on.clone()];
    heard.resize(9, off.clone());
    assert_eq!(came(&[main], &agreed), heard);
    // As Qtractor does it.
    assert_eq!(came(&[main], &[main]), heard[..1]);
    let given = [main, None, Some(1), Some(0), main, Some(3)];
    let expected = [on, vec![], vec![0.0], vec![], off, vec![0.0; 3]];
    assert_eq!(came(&[main], &given), expected);
    let mut without_first = agreed;
    without_first[0] = None;
    assert_eq!(came(&[main], &without_first)[1..], heard[1..]);
    assert_eq!(came(&[main], &agreed), heard);
}
