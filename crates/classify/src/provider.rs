use http::HeaderMap;

/// Who answered. Most rules do not need to know; the few that do read it from the configuration,
/// from the request's host, or from headers that only one provider sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provider {
    /// OpenAI itself.
    OpenAi,
    /// Azure OpenAI, Azure AI Foundry and GitHub Models.
    Azure,
    /// Anthropic itself.
    Anthropic,
    /// Gemini and Vertex AI.
    Google,
    /// Amazon Bedrock.
    Bedrock,
    /// Mistral.
    Mistral,
    /// Cohere.
    Cohere,
    /// Groq.
    Groq,
    /// Together AI.
    Together,
    /// Fireworks AI.
    Fireworks,
    /// OpenRouter.
    OpenRouter,
    /// `DeepSeek`.
    DeepSeek,
    /// xAI.
    Xai,
    /// vLLM, wherever it runs.
    Vllm,
    /// Ollama, wherever it runs.
    Ollama,
    /// Text Generation Inference and Hugging Face's hosted inference.
    HuggingFace,
    /// Cerebras.
    Cerebras,
    /// Anybody else, and gateways in front of several.
    Other,
}

/// Hosts that are one provider's, by their end.
const HOSTS: [(&str, Provider); 25] = [
    ("api.openai.com", Provider::OpenAi),
    ("api.anthropic.com", Provider::Anthropic),
    ("generativelanguage.googleapis.com", Provider::Google),
    ("aiplatform.googleapis.com", Provider::Google),
    ("cloudcode-pa.googleapis.com", Provider::Google),
    (".openai.azure.com", Provider::Azure),
    (".services.ai.azure.com", Provider::Azure),
    (".cognitiveservices.azure.com", Provider::Azure),
    (".models.ai.azure.com", Provider::Azure),
    ("models.inference.ai.azure.com", Provider::Azure),
    ("models.github.ai", Provider::Azure),
    ("api.mistral.ai", Provider::Mistral),
    ("api.cohere.com", Provider::Cohere),
    ("api.cohere.ai", Provider::Cohere),
    ("api.groq.com", Provider::Groq),
    ("api.together.xyz", Provider::Together),
    ("api.together.ai", Provider::Together),
    ("api.fireworks.ai", Provider::Fireworks),
    ("openrouter.ai", Provider::OpenRouter),
    ("api.deepseek.com", Provider::DeepSeek),
    ("api.x.ai", Provider::Xai),
    ("huggingface.co", Provider::HuggingFace),
    ("huggingface.cloud", Provider::HuggingFace),
    ("api.cerebras.ai", Provider::Cerebras),
    ("ollama.com", Provider::Ollama),
];

/// Headers that give a provider away.
const HEADERS: [(&str, Provider); 6] = [
    ("x-amzn-requestid", Provider::Bedrock),
    ("x-amzn-errortype", Provider::Bedrock),
    ("apim-request-id", Provider::Azure),
    ("x-ms-region", Provider::Azure),
    ("x-groq-region", Provider::Groq),
    ("x-compute-type", Provider::HuggingFace),
];

impl Provider {
    /// Reads the provider from a request's host, in any case: `api.groq.com`, `eu.api.openai.com`,
    /// `bedrock-runtime.eu-central-1.amazonaws.com`.
    #[must_use]
    pub fn from_host(host: &str) -> Option<Self> {
        if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Self::from_host(&host.to_ascii_lowercase());
        }
        if host.starts_with("bedrock") && host.ends_with(".amazonaws.com") {
            return Some(Self::Bedrock);
        }
        HOSTS.iter().find_map(|&(end, provider)| {
            let before = host.strip_suffix(end)?;
            // A label ends here, or a region's prefix does (`us-central1-aiplatform`).
            let fits = before.is_empty() || end.starts_with('.') || before.ends_with(['.', '-']);
            fits.then_some(provider)
        })
    }

    /// Reads the provider from a name as configurations and logs write it: `azure_openai`,
    /// `aws_bedrock`, `google_vertex`, `anthropic`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "openai" => Self::OpenAi,
            "azure" | "azure_openai" | "github_models" => Self::Azure,
            "anthropic" => Self::Anthropic,
            "google" | "gemini" | "vertex" | "google_gemini" | "google_vertex" => Self::Google,
            "bedrock" | "aws_bedrock" => Self::Bedrock,
            "mistral" => Self::Mistral,
            "cohere" => Self::Cohere,
            "groq" => Self::Groq,
            "together" => Self::Together,
            "fireworks" => Self::Fireworks,
            "openrouter" => Self::OpenRouter,
            "deepseek" => Self::DeepSeek,
            "xai" => Self::Xai,
            "vllm" => Self::Vllm,
            "ollama" => Self::Ollama,
            "huggingface" | "hf_tgi" | "hf_inference" | "tgi" => Self::HuggingFace,
            "cerebras" => Self::Cerebras,
            "other" => Self::Other,
            _ => return None,
        })
    }

    /// Reads the provider from the headers of its response.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        HEADERS
            .iter()
            .find_map(|&(name, provider)| headers.contains_key(name).then_some(provider))
    }
}
