"""The first tables: numbers of readings, and feedback."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "readings",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("time", sa.Float, nullable=False, index=True),
        sa.Column("route", sa.String(16), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("labels", sa.String(16), nullable=False),
        sa.Column("emotion", sa.String(16), nullable=False),
        sa.Column("abstained", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.Float) for name in ("confidence", "brightness", "sharpness", "size", "yaw", "roll")),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("reading", sa.String(32), nullable=False, index=True),
        sa.Column("emotion", sa.String(16), nullable=False),
        sa.Column("annotator", sa.String(100), nullable=False),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("predicted", sa.String(16), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("image", sa.String(64)),
        sa.Column("crop", sa.LargeBinary),
        sa.UniqueConstraint("reading", "annotator"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("feedback")
    op.drop_table("readings")
