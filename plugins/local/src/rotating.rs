//! `time_rotating`: a point in time that comes round. Once it has passed, the object is gone, and a deploy makes the
//! next one; whatever refers to it follows.

use std::collections::BTreeMap;

use cofferdam_sdk::prelude::*;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

/// A time that comes round: give `rotation_rfc3339`, or at least one of the `rotation_` periods, which add up.
#[properties]
pub(crate) struct Inputs {
    /// The time to count from (RFC 3339); without it, the time of the deploy.
    rfc3339: Option<String>,
    /// The time to rotate at (RFC 3339).
    rotation_rfc3339: Option<String>,
    /// Minutes to the rotation.
    #[schemars(range(min = 1, max = 52_560_000))]
    rotation_minutes: Option<u32>,
    /// Hours to the rotation.
    #[schemars(range(min = 1, max = 876_000))]
    rotation_hours: Option<u32>,
    /// Days to the rotation.
    #[schemars(range(min = 1, max = 36_500))]
    rotation_days: Option<u32>,
    /// Months to the rotation.
    #[schemars(range(min = 1, max = 1_200))]
    rotation_months: Option<u32>,
    /// Years to the rotation.
    #[schemars(range(min = 1, max = 100))]
    rotation_years: Option<u32>,
    /// Any values; a change of one counts anew.
    triggers: Option<BTreeMap<String, String>>,
}

#[properties]
pub(crate) struct Outputs {
    /// The time that was counted from (RFC 3339).
    id: String,
    /// The same.
    rfc3339: String,
    /// The time of the rotation (RFC 3339).
    rotation_rfc3339: String,
    /// The time that was counted from, in seconds since 1970.
    unix: i64,
    /// Its year, in UTC like the rest.
    year: i32,
    /// Its month.
    month: i32,
    /// Its day.
    day: i32,
    /// Its hour.
    hour: i32,
    /// Its minute.
    minute: i32,
    /// Its second.
    second: i32,
}

pub(crate) struct TimeRotating;

impl Resource for TimeRotating {
    const TYPE: &'static str = "time_rotating";
    type Session = ();
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create)
            .create_is_idempotent()
            .read(read)
            .check(check)
            .create_only(["rfc3339", "rotation_rfc3339", "triggers"])
            .create_only(["rotation_minutes", "rotation_hours", "rotation_days", "rotation_months", "rotation_years"])
            .stable(["id", "unix", "year", "month", "day", "hour", "minute", "second"])
            .read_is_local()
    }
}

const PERIODS: [&str; 5] = ["rotation_minutes", "rotation_hours", "rotation_days", "rotation_months", "rotation_years"];

fn check(_: &Cx<()>, draft: &mut Draft, prior: Option<&Prior<TimeRotating>>) -> Result<Vec<Diagnostic>, Error> {
    let has_period = PERIODS.iter().any(|period| draft.is_set(period));
    match (draft.is_set("rotation_rfc3339"), has_period) {
        (false, false) => {
            return Err(Error::invalid_input("give `rotation_rfc3339` or one of the periods").at("rotation_days"));
        }
        (true, true) => {
            return Err(Error::invalid_input("give `rotation_rfc3339` or periods, not both").at("rotation_rfc3339"));
        }
        _ => {}
    }
    for property in ["rfc3339", "rotation_rfc3339"] {
        draft.text(property).map(|text| parse(property, text)).transpose()?;
    }
    // Triggers say nothing of the time.
    let mut times = draft.clone();
    times.remove("triggers");
    if prior.is_none() && times.is_known() {
        ahead(&times.typed()?)?;
    }
    Ok(Vec::new())
}

/// The time to count from, and that of the rotation, which must be in the future.
fn ahead(inputs: &Inputs) -> Result<(Timestamp, Timestamp), Error> {
    let base = match &inputs.rfc3339 {
        Some(text) => parse("rfc3339", text)?,
        None => now()?,
    };
    let (rotation, place) = match &inputs.rotation_rfc3339 {
        Some(text) => (parse("rotation_rfc3339", text)?, "rotation_rfc3339"),
        None => (rotation(inputs, base)?, "rfc3339"),
    };
    if rotation <= now()? {
        let text = format!("the rotation time {} has passed; set a later `{place}`", show(rotation));
        return Err(Error::invalid_input(text).at(place));
    }
    Ok((base, rotation))
}

fn create(_: &Cx<()>, inputs: &Inputs) -> Result<Write<TimeRotating>, Failure> {
    let (base, rotation) = ahead(inputs)?;
    let civil = Offset::UTC.to_datetime(base);
    Ok(Write::done(Outputs {
        id: show(base),
        // What the user wrote stays as written.
        rfc3339: inputs.rfc3339.clone().unwrap_or_else(|| show(base)),
        rotation_rfc3339: inputs.rotation_rfc3339.clone().unwrap_or_else(|| show(rotation)),
        unix: base.as_second(),
        year: civil.year().into(),
        month: civil.month().into(),
        day: civil.day().into(),
        hour: civil.hour().into(),
        minute: civil.minute().into(),
        second: civil.second().into(),
    }))
}

/// Years and months first, as calendars do, then the rest; a day that a month lacks becomes its last.
fn rotation(inputs: &Inputs, base: Timestamp) -> Result<Timestamp, Error> {
    let add = || -> Result<Timestamp, jiff::Error> {
        let of = |count: Option<u32>| i64::from(count.unwrap_or_default());
        let calendar = Span::new().try_years(of(inputs.rotation_years))?.try_months(of(inputs.rotation_months))?;
        let clock = Span::new()
            .try_days(of(inputs.rotation_days))?
            .try_hours(of(inputs.rotation_hours))?
            .try_minutes(of(inputs.rotation_minutes))?;
        let civil: DateTime = Offset::UTC.to_datetime(base).checked_add(calendar)?.checked_add(clock)?;
        Offset::UTC.to_timestamp(civil)
    };
    add().map_err(|error| {
        Error::invalid_input(format!("the rotation time is out of range: {error}")).at("rotation_years")
    })
}

fn read(_: &Cx<()>, target: &Target<TimeRotating>) -> Result<Option<State<TimeRotating>>, Error> {
    let Some(prior) = target.state() else {
        return Err(Error::unsupported(
            "a rotating time cannot be imported; write `rfc3339` to count from a given time",
        ));
    };
    let outputs = prior.outputs()?;
    let rotation = parse("rotation_rfc3339", &outputs.rotation_rfc3339)?;
    Ok((now()? < rotation).then_some(State::new(prior.inputs()?, outputs)))
}

/// The time, to the second.
pub(crate) fn now() -> Result<Timestamp, Error> {
    let seconds = i64::try_from(clock::now_ms() / 1000).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .map_err(|error| Error::internal(format!("the host's clock is out of range: {error}")))
}

pub(crate) fn parse(property: &str, text: &str) -> Result<Timestamp, Error> {
    let wrong =
        |_| Error::invalid_input(format!("`{text}` is no time; write one such as `2030-01-31T00:00:00Z`")).at(property);
    text.parse::<Timestamp>().map_err(wrong)
}

/// RFC 3339, in UTC.
pub(crate) fn show(time: Timestamp) -> String {
    time.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;
    use cofferdam_sdk::testing::{TestHost, set_now_ms};

    fn at(text: &str) -> u64 {
        let time: Timestamp = text.parse().expect("a time");
        u64::try_from(time.as_millisecond()).expect("after 1970")
    }

    #[test]
    fn it_is_gone_once_the_time_has_passed() {
        test(TestHost::new().at(at("2026-01-31T10:20:30Z")), |local| {
            let inputs = json!({"rotation_months": 1, "rotation_hours": 1});
            let state = local.create("time_rotating", &inputs).expect("created").state().expect("done");
            assert_eq!(state.properties["id"], "2026-01-31T10:20:30Z");
            assert_eq!(state.properties["rotation_rfc3339"], "2026-02-28T11:20:30Z");
            assert_eq!((&state.properties["day"], &state.properties["second"]), (&json!(31), &json!(30)));
            set_now_ms(at("2026-02-28T11:20:29Z"));
            assert!(local.read("time_rotating", &state).expect("read").is_some());
            set_now_ms(at("2026-02-28T11:20:30Z"));
            assert!(local.read("time_rotating", &state).expect("read").is_none());
        });
    }

    #[test]
    fn times_that_make_no_sense_are_refused() {
        test(TestHost::new(), |local| {
            for wrong in [
                json!({}),
                json!({"rfc3339": "yesterday", "rotation_days": 1}),
                json!({"rotation_rfc3339": "2030-01-01T00:00:00Z", "rotation_days": 1}),
            ] {
                assert!(local.check("time_rotating", &wrong, &[]).is_err(), "{wrong}");
            }
            let huge = json!({"rotation_years": u32::MAX, "rotation_minutes": u32::MAX});
            assert_eq!(local.create("time_rotating", &huge).expect_err("huge").error().kind(), ErrorKind::InvalidInput);
            let past = json!({"rfc3339": "2020-01-01T00:00:00Z", "rotation_days": 1});
            assert!(local.create("time_rotating", &past).expect_err("past").error().message().contains("has passed"));
            let fixed = json!({"rotation_rfc3339": "2020-01-01T00:00:00Z", "triggers": null});
            for (past, place) in [(past, "/rfc3339"), (fixed, "/rotation_rfc3339")] {
                let error = local.check("time_rotating", &past, &["/triggers"]).expect_err("past");
                assert_eq!(error.diagnostics()[0].at.as_deref(), Some(place));
            }
            assert!(local.check("time_rotating", &json!({"rotation_days": null}), &["/rotation_days"]).is_ok());
        });
    }
}
