"""Rooms, and the residents in them"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "room",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("building", sa.String(64), nullable=False),
        sa.Column("number", sa.String(16), nullable=False),
        sa.UniqueConstraint("building", "number", name="room_building_number_key"),
    )
    op.create_table(
        "resident",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("login", sa.String(32), nullable=False, unique=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("email", sa.String(256), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("room_id", sa.Integer, sa.ForeignKey("room.id")),
    )
    op.create_index("ix_resident_room_id", "resident", ["room_id"])


def downgrade() -> None:
    op.drop_table("resident")
    op.drop_table("room")
