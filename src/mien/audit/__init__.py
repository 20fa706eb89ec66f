"""Audits: compare the performance of a model between groups of people or images."""
