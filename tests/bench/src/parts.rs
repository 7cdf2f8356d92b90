//! Parts that are measured by themselves.

/// What OpenAI answers to a key without credit: 310 bytes.
pub const ERROR_BODY: &[u8] = br#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors. Contact us when in doubt.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
