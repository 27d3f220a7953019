import Testing

/// Everything with a real daemon and real guests. One at a time: the leak census counts what a test leaves behind, and
/// two cores are soon busy.
@Suite(.serialized) struct IntegrationTests {}
