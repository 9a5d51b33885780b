//! `random_password`: a password with a given composition, drawn without bias.

use cofferdam_sdk::prelude::*;

use super::Keepers;

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const NUMERIC: &str = "0123456789";
const SPECIAL: &str = "!@#$%&*()-_=+[]{}<>:?";

/// The work factor of `bcrypt_hash`: two to the power of it rounds.
const BCRYPT_COST: u32 = 10;

/// A password. Every change draws a new one.
#[properties]
#[expect(clippy::struct_excessive_bools, reason = "the names that people know")]
pub(crate) struct Inputs {
    /// Number of characters.
    #[schemars(range(min = 1, max = 1024))]
    length: u32,
    /// Whether upper-case letters are used.
    #[serde(default = "yes")]
    upper: bool,
    /// Whether lower-case letters are used.
    #[serde(default = "yes")]
    lower: bool,
    /// Whether digits are used.
    #[serde(default = "yes")]
    numeric: bool,
    /// Whether special characters are used.
    #[serde(default = "yes")]
    special: bool,
    /// At least so many upper-case letters.
    #[serde(default)]
    min_upper: u32,
    /// At least so many lower-case letters.
    #[serde(default)]
    min_lower: u32,
    /// At least so many digits.
    #[serde(default)]
    min_numeric: u32,
    /// At least so many special characters.
    #[serde(default)]
    min_special: u32,
    /// The special characters to use instead of the usual ones.
    override_special: Option<String>,
    /// Any values; a change of one draws a new password.
    keepers: Keepers,
}

fn yes() -> bool {
    true
}

#[properties]
pub(crate) struct Outputs {
    /// The password.
    result: String,
    /// Its bcrypt hash.
    bcrypt_hash: String,
}

pub(crate) struct RandomPassword;

impl Resource for RandomPassword {
    const TYPE: &'static str = "random_password";
    type Session = ();
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create)
            .create_is_idempotent()
            .check(check)
            .create_only(["length", "upper", "lower", "numeric", "special", "override_special", "keepers"])
            .create_only(["min_upper", "min_lower", "min_numeric", "min_special"])
            .stable(["result", "bcrypt_hash"])
            .sensitive(["result", "bcrypt_hash"])
    }
}

fn check(_: &Cx<()>, draft: &mut Draft, _: Option<&Prior<RandomPassword>>) -> Result<Vec<Diagnostic>, Error> {
    if draft.is_known() {
        classes(&draft.typed()?)?;
    }
    Ok(Vec::new())
}

/// The characters of each class in use, and how many of it there must be.
fn classes(inputs: &Inputs) -> Result<Vec<(Vec<char>, u32)>, Error> {
    let special = inputs.override_special.as_deref().filter(|text| !text.is_empty()).unwrap_or(SPECIAL);
    let all = [
        ("upper", inputs.upper, UPPER, inputs.min_upper),
        ("lower", inputs.lower, LOWER, inputs.min_lower),
        ("numeric", inputs.numeric, NUMERIC, inputs.min_numeric),
        ("special", inputs.special, special, inputs.min_special),
    ];
    for (name, used, _, min) in all {
        if !used && min > 0 {
            return Err(Error::invalid_input(format!("needs `{name}` to be true")).at(&format!("min_{name}")));
        }
    }
    let wanted: u64 = all.iter().map(|(.., min)| u64::from(*min)).sum();
    if u64::from(inputs.length) < wanted.max(1) || inputs.length > 1024 {
        let text = format!("must be from {} (the sum of the `min_` properties) to 1024", wanted.max(1));
        return Err(Error::invalid_input(text).at("length"));
    }
    let used: Vec<_> = all.iter().filter(|(_, used, ..)| *used).collect();
    if used.is_empty() {
        return Err(Error::invalid_input("set at least one of `upper`, `lower`, `numeric` and `special`").at("length"));
    }
    Ok(used.into_iter().map(|(_, _, text, min)| (text.chars().collect(), *min)).collect())
}

fn create(_: &Cx<()>, inputs: &Inputs) -> Result<Write<RandomPassword>, Failure> {
    let result = draw(inputs)?;
    let mut salt = [0; 16];
    random::fill(&mut salt);
    let hash = bcrypt::hash_with_salt(&result, BCRYPT_COST, salt)
        .map_err(|error| Error::internal(format!("cannot hash the password: {error}")))?;
    Ok(Write::done(Outputs { result, bcrypt_hash: hash.to_string() }))
}

/// First what each class must have, the rest from all of them, then shuffled.
fn draw(inputs: &Inputs) -> Result<String, Error> {
    let classes = classes(inputs)?;
    let mut drawn: Vec<char> = Vec::with_capacity(inputs.length as usize);
    for (characters, min) in &classes {
        drawn.extend((0..*min).filter_map(|_| pick(characters)));
    }
    let all: Vec<char> = classes.into_iter().flat_map(|(characters, _)| characters).collect();
    let rest = (inputs.length as usize).saturating_sub(drawn.len());
    drawn.extend((0..rest).filter_map(|_| pick(&all)));
    // Fisher–Yates.
    for last in (1..drawn.len()).rev() {
        // At most 1,024 characters.
        drawn.swap(last, random::below(last as u32 + 1) as usize);
    }
    Ok(drawn.into_iter().collect())
}

fn pick(characters: &[char]) -> Option<char> {
    let bound = u32::try_from(characters.len()).ok()?;
    characters.get(random::below(bound) as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;
    use cofferdam_sdk::testing::TestHost;

    fn inputs(value: &Value) -> Inputs {
        Draft::known(value.clone()).typed().expect("valid inputs")
    }

    #[test]
    fn passwords_have_the_composition_asked_for() {
        TestHost::new().run(|| {
            let wanted = json!({"length": 12, "min_upper": 3, "min_numeric": 4, "min_special": 2, "override_special": "é~", "lower": false});
            for _ in 0..200 {
                let password = draw(&inputs(&wanted)).expect("drawn");
                let count = |set: &str| password.chars().filter(|c| set.contains(*c)).count();
                assert_eq!(password.chars().count(), 12);
                assert!(count(UPPER) >= 3 && count(NUMERIC) >= 4 && count("é~") >= 2 && count(LOWER) == 0, "{password}");
            }
        });
    }

    #[test]
    fn every_character_is_equally_likely() {
        TestHost::new().run(|| {
            let digits = json!({"length": 1000, "upper": false, "lower": false, "special": false, "min_numeric": 500});
            let mut seen = [0_u32; 10];
            for _ in 0..20 {
                let password = draw(&inputs(&digits)).expect("drawn");
                password.bytes().for_each(|byte| seen[usize::from(byte - b'0')] += 1);
            }
            assert!(seen.iter().all(|count| (1_800..2_200).contains(count)), "{seen:?}");
        });
    }

    #[test]
    fn compositions_that_cannot_be_are_refused() {
        let refused = [
            json!({"length": 3, "min_upper": 2, "min_lower": 2}),
            json!({"length": 0}),
            json!({"length": 2000}),
            json!({"length": 4, "upper": false, "lower": false, "numeric": false, "special": false}),
            json!({"length": 4, "upper": false, "min_upper": 1}),
            json!({"length": 4, "min_upper": u32::MAX, "min_lower": u32::MAX}),
        ];
        test(TestHost::new(), |local| {
            for value in &refused {
                assert!(local.check("random_password", value, &[]).is_err(), "{value}");
                assert!(local.create("random_password", value).is_err(), "{value}");
            }
            let (_, findings) =
                local.check("random_password", &json!({"length": null}), &["/length"]).expect("unknown");
            assert!(findings.is_empty());
        });
    }

    #[test]
    fn the_result_is_secret_and_its_hash_matches() {
        test(TestHost::new(), |local| {
            let state =
                local.create("random_password", &json!({"length": 16})).expect("created").state().expect("done");
            assert_eq!(state.secrets, ["/bcrypt_hash", "/result"]);
            let text = |name: &str| state.properties[name].as_str().expect("text").to_owned();
            assert!(bcrypt::verify(text("result"), &text("bcrypt_hash")).expect("a hash"));
        });
    }
}
