use std::time::Duration;

/// What a simulated provider is like. Times count from the start of the simulation.
#[derive(Clone, Debug)]
pub struct Provider {
    /// How many requests it works on at once.
    pub slots: usize,
    /// How many more may wait for a slot; one more is refused with 503.
    pub queue: usize,
    /// How long the work on one request takes.
    pub work: Latency,
    /// One round trip on the network, added to every answer.
    pub round_trip: Duration,
    /// What each API key may use.
    pub limit: Option<RateLimit>,
    /// How an answer is streamed, when the request asks for a stream.
    pub stream: StreamShape,
    /// What goes wrong, and when. The first that applies to a request decides.
    pub troubles: Vec<Trouble>,
}

impl Provider {
    /// Short calls: ten slots of 100 ms in the mean make 100 requests a second; 200 may queue.
    #[must_use]
    pub fn short_calls() -> Self {
        Self {
            slots: 10,
            queue: 200,
            work: Latency::new(Duration::from_millis(100)),
            ..Self::roomy()
        }
    }

    /// More room than any population here needs, and a second of work in the mean.
    #[must_use]
    pub fn roomy() -> Self {
        Self {
            slots: 10_000,
            queue: 10_000,
            work: Latency::new(Duration::from_secs(1)),
            round_trip: Duration::from_millis(20),
            limit: None,
            stream: StreamShape {
                events: 20,
                gap: Duration::from_millis(200),
            },
            troubles: Vec::new(),
        }
    }

    /// Adds a trouble.
    #[must_use]
    pub fn trouble(mut self, trouble: Trouble) -> Self {
        self.troubles.push(trouble);
        self
    }
}

/// Log-normal, the usual shape of service times: a mean and a long tail to the right.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// The mean.
    pub mean: Duration,
    /// The standard deviation of the logarithm.
    pub sigma: f64,
}

impl Latency {
    /// With a sigma of 0.5: the 99th percentile is 2.8 times the mean.
    #[must_use]
    pub const fn new(mean: Duration) -> Self {
        Self { mean, sigma: 0.5 }
    }
}

/// Token buckets for each API key, one for requests and one for input tokens.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// Requests a minute.
    pub requests: f64,
    /// Input tokens a minute.
    pub tokens: f64,
    /// How much of a minute's worth may be used at once, in seconds.
    pub burst_secs: f64,
    /// Whether refused requests count too, as they do at some providers.
    pub charged: bool,
    /// Whether the hint is that of the moment before the refused request itself was counted, and so
    /// a little too short.
    pub short_hints: bool,
}

/// The events of a streamed answer.
#[derive(Clone, Copy, Debug)]
pub struct StreamShape {
    /// How many events carry output.
    pub events: usize,
    /// The time between two of them.
    pub gap: Duration,
}

/// Something that goes wrong for a while.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// When it begins.
    pub from: Duration,
    /// When it is over.
    pub to: Duration,
    /// Whom it hits.
    pub whom: Whom,
    /// What happens to them.
    pub what: What,
}

impl Trouble {
    /// A trouble that hits everybody between two instants, in seconds from the start.
    #[must_use]
    pub fn between(from: u64, to: u64, what: What) -> Self {
        Self {
            from: Duration::from_secs(from),
            to: Duration::from_secs(to),
            whom: Whom::Everybody,
            what,
        }
    }

    /// A trouble that never ends.
    #[must_use]
    pub fn always(what: What) -> Self {
        Self::between(0, u64::MAX, what)
    }

    /// Only for these requests.
    #[must_use]
    pub fn only(mut self, whom: Whom) -> Self {
        self.whom = whom;
        self
    }

    pub(crate) fn hits(&self, at: Duration, model: &str, key: &str) -> bool {
        self.from <= at
            && at < self.to
            && match self.whom {
                Whom::Everybody => true,
                Whom::Model(name) => name == model,
                Whom::Key(name) => name == key,
            }
    }
}

/// The requests that a [`Trouble`] hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// All of them.
    Everybody,
    /// Those for one model.
    Model(&'static str),
    /// Those with one API key.
    Key(&'static str),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// Refused at once with 503 and no hint.
    Outage,
    /// The work goes on at this share of its speed.
    Brownout(f64),
    /// Accepted and never answered.
    Hang,
    /// Refused with 429 and a `Retry-After` that names the end of the trouble.
    RateLimited,
    /// This share is refused with 429 and a `Retry-After` of a second, by chance.
    RateLimitedByChance(f64),
    /// Refused with 429 `insufficient_quota`, which no waiting cures.
    QuotaUsedUp,
    /// This share fails in turn with 500, 503, 529 and a reset connection.
    Errors(f64),
    /// This share of the streams breaks after the head and before any output.
    CutEarly(f64),
    /// This share of the streams breaks half-way through the output.
    CutMidway(f64),
}
