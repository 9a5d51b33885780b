//! Plans that are kept outside of the home, encrypted as a whole with its data key. Where they lie is the caller's
//! affair; they open with the keys of this home, for the stage and the state that they were sealed for.

use cofferdam_model::{StackName, StageName};
use zeroize::Zeroizing;

use crate::vault::{Kind, OpenError, Scope};
use crate::{Home, KeyError, OpenHomeError};

/// What a plan belongs to. Sealed for one, it opens for no other.
#[derive(Clone, Copy, Debug)]
pub struct PlanScope<'a> {
    /// The stack.
    pub stack: &'a StackName,
    /// The stage.
    pub stage: &'a StageName,
    /// The lineage of the state that it was made from.
    pub lineage: &'a str,
    /// The serial of that state.
    pub serial: u64,
    /// Whatever else stands in clear beside it and must be as it was.
    pub beside: &'a str,
}

/// Why a plan was not encrypted.
#[derive(Debug, thiserror::Error)]
pub enum SealPlanError {
    /// The home cannot be made.
    #[error(transparent)]
    Home(#[from] OpenHomeError),
    /// There is no key to encrypt it with.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl SealPlanError {
    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Home(error) => error.hint(),
            Self::Key(error) => error.hint(),
        }
    }
}

/// Why a plan was not decrypted.
#[derive(Debug, thiserror::Error)]
pub enum OpenPlanError {
    /// The key that opens it is missing, or is not this user's.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It was changed, or was sealed for something else.
    #[error("it was changed since it was written, or belongs to another stage")]
    Changed,
}

impl Home {
    /// Encrypts a plan with the data key of this home, which is made where it is not there yet, and so is the home.
    /// The answer is one line of text.
    ///
    /// # Errors
    /// When the home cannot be made or its key cannot be opened.
    pub fn seal_plan(&self, scope: &PlanScope<'_>, plain: Vec<u8>) -> Result<String, SealPlanError> {
        let plain = Zeroizing::new(plain);
        self.make()?;
        Ok(self.vault.seal(&scope.vault(&scope.subject()), scope.beside, &plain)?)
    }

    /// Decrypts what [`Home::seal_plan`] made for the same scope.
    ///
    /// # Errors
    /// When the key is missing or is not this user's, or the text or anything of the scope is not as it was.
    pub fn open_plan(&self, scope: &PlanScope<'_>, text: &str) -> Result<Zeroizing<Vec<u8>>, OpenPlanError> {
        self.vault.open(&scope.vault(&scope.subject()), scope.beside, text).map_err(|error| match error {
            OpenError::Key(error) => error.into(),
            OpenError::Damaged(_) => OpenPlanError::Changed,
        })
    }
}

impl PlanScope<'_> {
    fn subject(&self) -> String {
        format!("{}/{}", self.lineage, self.serial)
    }

    fn vault<'s>(&'s self, subject: &'s str) -> Scope<'s> {
        Scope { stack: self.stack.as_str(), stage: self.stage.as_str(), kind: Kind::Plan, class: "plan", subject }
    }
}
