//! The secrets that are planted: of every form that people have, and one for every way in.

/// How a secret comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A sensitive variable from the environment.
    Environment,
    /// A sensitive variable from a JSON file.
    JsonFile,
    /// A sensitive variable from a file of `name = value` lines.
    VariableFile,
    /// A sensitive variable on the command line.
    Flag,
    /// A secret of the stage, set on the command line.
    Stage,
    /// A secret of the stage, from a file.
    StageFile,
    /// A secret of the stage, through stdin.
    StageStdin,
    /// A credential from the environment.
    Credential,
    /// Written by somebody else: into a remote object, or into a file that was deployed.
    Outside,
    /// What opens the home or its store, from the environment.
    Opening(&'static str),
}

/// A secret.
pub struct Planted {
    /// Its name; of a variable or of a secret of the stage where it is one.
    pub name: &'static str,
    /// How it comes in.
    pub way: Way,
    /// The value.
    pub text: &'static str,
}

const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKestrelKestrelKe
strelQ7fV1mXn9hGkq2PZt8cRw4sYb6dJaUe3oLiN5xTzMhB0rWvCpEuFyGhRANC
AAT9uKd2LmQxVnR5sWc8yJbPfHgEaZt3oNiXkMq6rUvYw1SjBzDl7CeGhTpOf4Iy
-----END PRIVATE KEY-----
";

const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ik9zcHJleS0wMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0Iiwic3ViIjoiYWRhIiwi\
                     YXVkIjpbIm9uZSIsInR3byJdLCJleHAiOjE5MDAwMDAwMDAsIm5vbmNlIjoiVmlyZW8tVHJlZWNyZWVwZXItTnV0aGF0Y2gifQ.\
                     Zx8Qm2Lr5Vt9Nk3Jw7Hc1Gd6Fb4Ps0AyUeIoXqRzTvBnMlKjSgDfWhYpCaEuOi-Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0Lz_Xc9Vb8Nm7";

/// All of them.
pub const PLANTED: &[Planted] = &[
    // Of every form.
    Planted { name: "password", way: Way::Environment, text: "Kestrel-77!pa55word" },
    Planted { name: "short", way: Way::Environment, text: "zq7Kx9" },
    Planted { name: "spaced", way: Way::Environment, text: "  four words of Merlin  " },
    Planted {
        name: "lines",
        way: Way::JsonFile,
        text: "the first line of Harrier\n\tsecond: indented & <odd>\r\n\nlast line, without end",
    },
    Planted {
        name: "document",
        way: Way::JsonFile,
        text: r#"{"user":"ada","pass":"Gos\"haw\\k","more":[1,{"pin":"4417-Buzzard"}]}"#,
    },
    Planted { name: "escaped", way: Way::JsonFile, text: r#"Sparrowhawk\nwith\u00e9 \"literal\" escapes\\n"# },
    Planted { name: "quotes", way: Way::JsonFile, text: r#"it's "Hobby" `tick` \back\ $(sub) ${not} %25 'and'"# },
    Planted { name: "unicode", way: Way::JsonFile, text: "Wanderfalke-pässwörd-密码-пароль-🦅" },
    Planted { name: "in_query", way: Way::JsonFile, text: "p%40ss%2FCaracara%20with%2Bsigns&=?" },
    Planted { name: "in_file", way: Way::VariableFile, text: "Lanner-from-a-file-of-lines" },
    Planted { name: "flag", way: Way::Flag, text: "Saker=on=the=command=line" },
    Planted { name: "base64", way: Way::Stage, text: "c2VjcmV0IGJ5dGVzIG9mIGEgYmluYXJ5IGtleSwgR3lyZmFsY29u/+==" },
    Planted { name: "tls_key", way: Way::StageFile, text: KEY },
    Planted { name: "token", way: Way::StageStdin, text: TOKEN },
    // At every place of a stack.
    Planted { name: "in_url", way: Way::Environment, text: "Dsn-Eleonora-p4ssw0rd" },
    Planted { name: "in_list", way: Way::Environment, text: "in-a-list-Amur-31" },
    Planted { name: "in_map", way: Way::Environment, text: "in-a-map-Aplomado-32" },
    Planted { name: "in_object", way: Way::JsonFile, text: "in-an-object-Laggar-33" },
    Planted { name: "in_config", way: Way::Environment, text: "in-the-configuration-Taita-34" },
    Planted { name: "in_output", way: Way::Environment, text: "in-an-output-Sooty-35" },
    Planted { name: "rotated", way: Way::Stage, text: "before-its-rotation-Grey-36" },
    // In everything that goes wrong.
    Planted { name: "refused", way: Way::Environment, text: "refused-by-the-server-Orange-41" },
    Planted { name: "crashed", way: Way::Environment, text: "in-a-panic-\"Banded\"-42" },
    Planted { name: "partial", way: Way::Environment, text: "left-half-made-Bat-43" },
    Planted { name: "pending", way: Way::Environment, text: "in-a-checkpoint-Oriental-44" },
    Planted { name: "held", way: Way::Environment, text: "in-flight-Slaty-45" },
    Planted { name: "mistaken", way: Way::Environment, text: "no-number-Fox-46" },
    // From outside.
    Planted { name: "bearer", way: Way::Credential, text: "bearer-credential-Prairie-51" },
    Planted { name: "basic", way: Way::Stage, text: "tester:basic-credential-Pygmy-52" },
    Planted { name: "drifted", way: Way::Outside, text: "changed-remotely-Laughing-53" },
    Planted { name: "edited", way: Way::Outside, text: "edited-by-hand-Collared-54" },
    Planted { name: "pushed", way: Way::Outside, text: "in-a-document-Barred-55" },
    // What opens home and store.
    Planted { name: "passphrase", way: Way::Opening("COFFERDAM_PASSPHRASE"), text: "passphrase of Mauritius 61" },
    Planted { name: "s3_key", way: Way::Opening("AWS_SECRET_ACCESS_KEY"), text: "wJalrXUtnFEMI/Seychelles/bPxRfiCY62" },
    Planted {
        name: "s3_token",
        way: Way::Opening("AWS_SESSION_TOKEN"),
        text: "IQoJb3JpZ2luX2VjEMadagascar//////////wEaCXVz63=",
    },
];

/// The value of one.
pub fn text(name: &str) -> &'static str {
    PLANTED.iter().find(|planted| planted.name == name).unwrap_or_else(|| panic!("`{name}` is not planted")).text
}

/// All that come in one way.
pub fn by(way: Way) -> impl Iterator<Item = &'static Planted> {
    PLANTED.iter().filter(move |planted| planted.way == way)
}

#[test]
fn there_are_more_than_thirty_and_none_is_in_another() {
    assert!(PLANTED.len() > 30, "{}", PLANTED.len());
    for one in PLANTED {
        let others = PLANTED.iter().filter(|other| other.name != one.name);
        others.for_each(|other| assert!(!other.text.contains(one.text.trim()), "{} in {}", one.name, other.name));
    }
}
