-- The cohort of benchmarks/records_tasks.py as one would write it by hand for DuckDB.
-- {records}: the folder of the tables. days: academic year → day of the spring census.
WITH days(academic_year, zero) AS (VALUES {days}),
born AS (
    SELECT * FROM read_parquet('{records}/child/*.parquet')
    WHERE birth_month BETWEEN DATE '{first}' AND DATE '{last}'
),
census AS (SELECT * FROM read_parquet('{records}/school_census/*.parquet')),
year_1 AS (
    SELECT
        child_id, academic_year, zero,
        max(CASE
            WHEN school_type IN ('special', 'pru', 'ap') THEN 3
            WHEN sen_provision IN ('S', 'E', 'e') THEN 2
            WHEN sen_provision IN ('A', 'P', 'K') THEN 1
            ELSE 0
        END) AS level,
        coalesce(
            min(urn) FILTER (enrolment IS NULL OR enrolment IN ('C', 'M')), min(urn)
        ) AS urn,
        coalesce(min(la) FILTER (enrolment IS NULL OR enrolment IN ('C', 'M')), min(la)) AS la,
        max(fsm) AS fsm,
        max(idaci_score) AS idaci_score
    FROM census JOIN days USING (academic_year) JOIN born USING (child_id)
    WHERE nc_year = 1 AND term = 'SPR' AND census.known_from <= zero
    GROUP BY child_id, academic_year, zero
    QUALIFY row_number() OVER (PARTITION BY child_id ORDER BY academic_year) = 1
),
death AS (SELECT * FROM read_parquet('{records}/death/*.parquet')),
opt_out AS (SELECT * FROM read_parquet('{records}/opt_out/*.parquet')),
cohort AS (
    SELECT
        year_1.*,
        CASE WHEN known_from <= zero THEN sex END AS sex,
        CASE WHEN known_from <= zero THEN ethnicity END AS ethnicity,
        CASE WHEN known_from <= zero THEN first_language END AS first_language,
        birth_month,
        academic_year + 5 AS last_year,
        3 * academic_year + 1 AS zero_term
    FROM born JOIN year_1 USING (child_id)
    ANTI JOIN (
        SELECT child_id FROM death JOIN year_1 USING (child_id) WHERE death_date <= zero
    ) USING (child_id)
    ANTI JOIN (
        SELECT child_id FROM opt_out JOIN year_1 USING (child_id) WHERE opted_out_date <= zero
    ) USING (child_id)
),
seen AS (
    SELECT
        child_id,
        max(3 * census.academic_year + CASE term WHEN 'AUT' THEN 0 WHEN 'SPR' THEN 1 ELSE 2 END)
            AS last_seen
    FROM census JOIN cohort USING (child_id)
    WHERE census.academic_year BETWEEN cohort.academic_year AND last_year
    GROUP BY child_id
),
ends AS (
    SELECT
        cohort.child_id, zero, cohort.academic_year, last_year, zero_term,
        greatest(last_seen, zero_term) AS last_term,
        min(death_date) FILTER (death_date > zero) AS died,
        min(opted_out_date) FILTER (opted_out_date > zero) AS left_out
    FROM cohort
    LEFT JOIN seen USING (child_id)
    LEFT JOIN death ON death.child_id = cohort.child_id
    LEFT JOIN opt_out ON opt_out.child_id = cohort.child_id
    GROUP BY ALL
),
followed AS (
    SELECT
        child_id, zero, academic_year, last_year, zero_term,
        least(
            make_date(last_year, 8, 31),
            CASE WHEN last_term < 3 * last_year + 1 THEN CASE last_term % 3
                WHEN 0 THEN make_date(last_term // 3 - 1, 12, 31)
                WHEN 1 THEN make_date(last_term // 3, 3, 31)
                ELSE make_date(last_term // 3, 8, 31)
            END END,
            died, left_out
        ) AS exit_date,
        -- Hospitals see a child who has left state schools; only death and an opt-out end it.
        least(make_date(last_year, 8, 31), died, left_out) AS open_date,
        least(
            3 * last_year + 2,
            CASE WHEN last_term < 3 * last_year + 1 THEN last_term END,
            CASE WHEN month(died) >= 9 THEN 3 * (year(died) + 1)
                ELSE 3 * year(died) + CASE WHEN month(died) < 4 THEN 1 ELSE 2 END END,
            CASE WHEN month(left_out) >= 9 THEN 3 * (year(left_out) + 1)
                ELSE 3 * year(left_out) + CASE WHEN month(left_out) < 4 THEN 1 ELSE 2 END END
        ) AS exit_term
    FROM ends
),
birth AS (
    SELECT
        child_id, min(mother_age) AS mother_age, min(gestation_weeks) AS gestation,
        min(birth_weight_g) / 1000.0 AS birth_weight, min(birth_date) AS birth_date
    FROM read_parquet('{records}/birth/*.parquet') AS birth JOIN followed USING (child_id)
    WHERE birth.known_from <= zero
    GROUP BY child_id
),
absent AS (
    SELECT
        child_id,
        sum(unauthorised) AS unauthorised_absence,
        sum(sessions_possible) / 100.0 AS sessions
    FROM read_parquet('{records}/absence/*.parquet') AS absence JOIN followed USING (child_id)
    WHERE 3 * absence.academic_year + CASE term WHEN 'AUT' THEN 0 WHEN 'SPR' THEN 1 ELSE 2 END
            BETWEEN zero_term + 1 AND exit_term
        AND sessions_possible BETWEEN 1 AND 420
    GROUP BY child_id
),
episodes AS (
    SELECT
        child_id, hes.known_from, admission_method, zero, open_date,
        coalesce(birth_date, birth_month + 14) AS born,
        coalesce(episode_start, admission_date, episode_end, discharge_date) AS begins,
        coalesce(episode_end, discharge_date, episode_start, admission_date) AS stops,
        coalesce(episode_order, 1) AS place, episode_id,
        coalesce(episode_type IN ('3', '6'), false)
            OR coalesce(start_age IN (7001, 7002) AND class_patient = '5', false)
            OR coalesce(admission_method IN ('82', '83', '2C'), false)
            OR coalesce(start_age IN (7001, 7002) AND list_has_any(
                [{births}], ['Z37', 'Z38']
            ), false) AS birth
    FROM read_parquet('{records}/hes_apc/*.parquet') AS hes
    JOIN followed USING (child_id) JOIN born USING (child_id) LEFT JOIN birth USING (child_id)
),
spans AS (
    SELECT
        *, least(begins, stops) AS a, greatest(begins, stops) AS z,
        known_from <= zero AS early
    FROM episodes
),
-- Stays are joined twice: of all episodes, and of those known by time zero.
begun AS (
    SELECT *, coalesce(a > max(z) OVER before, true) AS opens FROM spans
    WINDOW before AS (
        PARTITION BY child_id ORDER BY a, place, z, episode_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
stays AS (
    SELECT
        child_id, zero, open_date, min(a) AS admitted, bool_or(birth) AS birth,
        max(admission_method) FILTER (opens) AS method
    FROM (
        SELECT *, sum(opens::INT) OVER (
            PARTITION BY child_id ORDER BY a, place, z, episode_id
        ) AS stay FROM begun
    )
    GROUP BY child_id, zero, open_date, stay
),
admitted AS (
    SELECT child_id, count(*) AS unplanned_admissions
    FROM stays
    WHERE NOT birth AND admitted > zero AND admitted <= open_date
        AND method IN ('21', '22', '23', '24', '25', '28', '2A', '2B', '2D')
    GROUP BY child_id
),
begun_early AS (
    SELECT *, coalesce(a > max(z) OVER before, true) AS opens FROM spans WHERE early
    WINDOW before AS (
        PARTITION BY child_id ORDER BY a, place, z, episode_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
early AS (
    SELECT child_id, count(*) AS early_admissions
    FROM (
        SELECT child_id, min(a) AS admitted, any_value(born) AS born,
            bool_or(birth) AS birth
        FROM (
            SELECT *, sum(opens::INT) OVER (
                PARTITION BY child_id ORDER BY a, place, z, episode_id
            ) AS stay FROM begun_early
        )
        GROUP BY child_id, stay
    )
    WHERE NOT birth AND admitted - born < 4 * 365.25
    GROUP BY child_id
),
ks2 AS (SELECT * FROM read_parquet('{records}/ks2/*.parquet') WHERE maths IS NOT NULL),
scored AS (
    SELECT child_id, avg((maths - middle) / spread) AS ks2_maths
    FROM ks2
    JOIN (
        SELECT academic_year, avg(maths) AS middle, stddev_samp(maths) AS spread
        FROM ks2 GROUP BY academic_year HAVING spread > 0
    ) USING (academic_year)
    JOIN followed USING (child_id)
    WHERE ks2.academic_year BETWEEN followed.academic_year AND followed.last_year
    GROUP BY child_id
),
profile AS (
    SELECT child_id, min(emerging_all) AS eyfsp_emerging
    FROM read_parquet('{records}/eyfsp/*.parquet') AS eyfsp JOIN followed USING (child_id)
    WHERE eyfsp.known_from <= zero
    GROUP BY child_id
)
SELECT
    child_id,
    CASE level WHEN 0 THEN 'none' ELSE 'any' END AS arm,
    urn,
    la AS "la of school",
    sex,
    ((month(birth_month) + 3) % 12)::DOUBLE AS birth_month,
    ethnicity,
    first_language,
    fsm::DOUBLE AS fsm,
    ln(greatest(least(idaci_score, 0.999), 0.001) / (1 - greatest(least(idaci_score, 0.999), 0.001)))
        AS idaci,
    mother_age::DOUBLE AS mother_age,
    gestation::DOUBLE AS gestation,
    birth_weight,
    coalesce(early_admissions, 0)::DOUBLE AS early_admissions,
    eyfsp_emerging::DOUBLE AS eyfsp_emerging,
    unauthorised_absence::DOUBLE AS unauthorised_absence,
    CASE WHEN sessions > 0 THEN sessions END AS "unauthorised_absence exposure",
    coalesce(unplanned_admissions, 0)::DOUBLE AS unplanned_admissions,
    (open_date - zero) / 365.25 AS "unplanned_admissions exposure",
    ks2_maths
FROM cohort
JOIN (SELECT child_id, open_date FROM followed) USING (child_id)
LEFT JOIN absent USING (child_id)
LEFT JOIN admitted USING (child_id)
LEFT JOIN early USING (child_id)
LEFT JOIN scored USING (child_id)
LEFT JOIN birth USING (child_id)
LEFT JOIN profile USING (child_id)
ORDER BY child_id
