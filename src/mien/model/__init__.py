"""The expression network: card, registry, session, preprocessing, classifier, calibration."""
