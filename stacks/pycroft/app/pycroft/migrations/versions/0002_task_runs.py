"""The runs of tasks that were done for a resident"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "task_run",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("task", sa.String(128), nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(256), nullable=False),
        sa.Column("worker", sa.String(128), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "resident_id", sa.Integer, sa.ForeignKey("resident.id", ondelete="CASCADE"), nullable=False
        ),
    )
    op.create_index("ix_task_run_resident_id", "task_run", ["resident_id"])


def downgrade() -> None:
    op.drop_table("task_run")
